-- Endpoints that have become quiet
--
-- How long before the latest request each endpoint was asked last.
--
-- :top int = 50  rows at most
SELECT method, host, path_template(path) AS path, count(*) AS requests, max(ts) AS last,
       (SELECT max(ts) FROM exchanges) - max(ts) AS quiet_for
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND method IS NOT NULL
GROUP BY ALL
ORDER BY last, path
LIMIT :top;
