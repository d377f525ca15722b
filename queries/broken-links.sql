-- 404s that others link to
--
-- Missing paths with the page that links to them, from the field Referer.
--
-- :top int = 20  rows at most
SELECT req_headers['referer'] AS linked_from, host, path, count(*) AS requests, max(ts) AS last
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND status IN (404, 410) AND req_headers['referer'] IS NOT NULL
GROUP BY ALL
ORDER BY requests DESC, linked_from, path
LIMIT :top;
