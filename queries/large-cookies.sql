-- Large cookies by endpoint
--
-- Hosts and paths whose requests carry large Cookie fields, in bytes. Every request pays for them.
--
-- :bytes int = 1024  only Cookie fields of at least this many bytes
-- :top int = 20      rows at most
SELECT host, path_template(path) AS path, count(*) AS requests,
       max(length(req_headers['cookie'])) AS largest, sum(length(req_headers['cookie'])) AS cookie_bytes,
       max(length(req_headers['cookie']) - length(replace(req_headers['cookie'], ';', '')) + 1) AS most_cookies
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND length(req_headers['cookie']) >= :bytes
GROUP BY ALL
ORDER BY cookie_bytes DESC, host, path
LIMIT :top;
