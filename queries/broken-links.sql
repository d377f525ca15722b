-- 404s that other pages link to
--
-- Missing paths, with the pages that link to them according to the Referer field.
--
-- :top int = 20  maximum number of rows
SELECT req_headers['referer'] AS linked_from, host, path, count(*) AS requests, max(ts) AS last
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND status IN (404, 410) AND req_headers['referer'] IS NOT NULL
GROUP BY ALL
ORDER BY requests DESC, linked_from, host, path
LIMIT :top;
