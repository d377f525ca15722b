-- Largest responses
--
-- The responses with the largest bodies, what they contain and how they were sent.
--
-- :top int = 20  maximum number of rows
SELECT id, ts, comm, method, host, path, status, res_body_bytes, res_captured_bytes, content_type, content_encoding, via
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND res_body_bytes > 0
ORDER BY res_body_bytes DESC, id
LIMIT :top;
