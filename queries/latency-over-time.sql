-- Latency percentiles of endpoints over time
--
-- A row for each endpoint and each interval in which it was requested. A request belongs to the interval in which it began.
--
-- :bucket duration = 10s  length of an interval
-- :path text = NULL       only endpoints whose path matches this GLOB pattern, e.g. /api/*
-- chart: line p95_ms over start by path
SELECT bucket(ts, :bucket) AS start, method, host, path_shape(path) AS path, count(*) AS requests,
       round(p50(duration_ms), 1) AS p50_ms, round(p95(duration_ms), 1) AS p95_ms, round(p99(duration_ms), 1) AS p99_ms
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND duration_ms IS NOT NULL
  AND (:path IS NULL OR path_shape(path) GLOB :path)
GROUP BY ALL
ORDER BY start, requests DESC, path, method, host;
