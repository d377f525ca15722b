-- Time since each endpoint was last requested
--
-- For each endpoint, the time between its last request and the latest request of all.
--
-- :top int = 50  maximum number of rows
SELECT method, host, path_shape(path) AS path, count(*) AS requests, max(ts) AS last,
       (SELECT max(ts) FROM exchanges) - max(ts) AS quiet_for
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND method IS NOT NULL
GROUP BY ALL
ORDER BY last, path, method, host
LIMIT :top;
