-- Slowest endpoints
--
-- The number of requests to each endpoint (method, host and path) and percentiles of their duration in milliseconds. In
-- paths, :id stands for numbers and ids.
--
-- :since duration = NULL  only requests within this time before the latest one, e.g. 5m
-- :top int = 20           maximum number of rows
-- chart: bar p95_ms by path
SELECT method, host, path_shape(path) AS path, count(*) AS requests,
       round(p50(duration_ms), 1) AS p50_ms, round(p95(duration_ms), 1) AS p95_ms,
       round(p99(duration_ms), 1) AS p99_ms, round(max(duration_ms), 1) AS max_ms
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND duration_ms IS NOT NULL
  AND (:since IS NULL OR ts >= (SELECT max(ts) FROM exchanges) - :since::interval)
GROUP BY ALL
ORDER BY p95_ms DESC, requests DESC, path, method, host
LIMIT :top;
