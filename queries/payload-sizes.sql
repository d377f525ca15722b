-- Payload sizes of endpoints
--
-- Median, 95th percentile and maximum of the bytes in request and response bodies.
--
-- :top int = 20  maximum number of rows
SELECT method, host, path_shape(path) AS path, count(*) AS requests,
       round(p50(req_body_bytes)) AS req_p50, round(p95(req_body_bytes)) AS req_p95, max(req_body_bytes) AS req_max,
       round(p50(res_body_bytes)) AS res_p50, round(p95(res_body_bytes)) AS res_p95, max(res_body_bytes) AS res_max
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND method IS NOT NULL
GROUP BY ALL
ORDER BY max(coalesce(req_max, 0), coalesce(res_max, 0)) DESC, path, method, host
LIMIT :top;
