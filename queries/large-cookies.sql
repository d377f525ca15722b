-- Large cookies by endpoint
--
-- Endpoints whose requests carry a large Cookie field, which is sent with every request.
--
-- :bytes int = 1024  minimum size of the Cookie field
-- :top int = 20      maximum number of rows
SELECT host, path_shape(path) AS path, count(*) AS requests,
       max(length(req_headers['cookie'])) AS largest, sum(length(req_headers['cookie'])) AS cookie_bytes,
       max(length(req_headers['cookie']) - length(replace(req_headers['cookie'], ';', '')) + 1) AS most_cookies
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND length(req_headers['cookie']) >= :bytes
GROUP BY ALL
ORDER BY cookie_bytes DESC, host, path
LIMIT :top;
