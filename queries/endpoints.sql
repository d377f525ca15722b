-- Endpoints at a glance
--
-- Requests, errors, latency and body bytes of each endpoint, the busiest first.
--
-- :top int = 50  maximum number of rows
SELECT method, host, path_shape(path) AS path, count(*) AS requests,
       count_if(status BETWEEN 400 AND 499) AS client_errors, count_if(status >= 500) AS server_errors,
       count_if(status IS NULL AND state <> 'open') AS unanswered, round(p95(duration_ms), 1) AS p95_ms,
       sum(req_body_bytes) AS req_body_bytes, sum(res_body_bytes) AS res_body_bytes, max(ts) AS last
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND method IS NOT NULL
GROUP BY ALL
ORDER BY requests DESC, path, method, host
LIMIT :top;
