-- Slowest single requests
--
-- The slowest requests. `.show ID` prints one in full.
--
-- :over duration = 0s  minimum duration
-- :top int = 20        maximum number of rows
SELECT id, ts, comm, method, host, path, status, duration_ms, ttfb_ms, res_body_bytes
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND duration_ms >= :over
ORDER BY duration_ms DESC, id
LIMIT :top;
