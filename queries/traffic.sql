-- Traffic over time
--
-- Requests, failures, body bytes and latency in each interval.
--
-- :bucket duration = 1s   length of an interval
-- :since duration = NULL  only requests within this time before the latest one, e.g. 5m
-- chart: line requests, failed over start
SELECT bucket(ts, :bucket) AS start, count(*) AS requests, count_if(status >= 500 OR state = 'unanswered') AS failed,
       total(req_body_bytes)::int AS req_body_bytes, total(res_body_bytes)::int AS res_body_bytes,
       round(p50(duration_ms), 1) AS p50_ms, round(p95(duration_ms), 1) AS p95_ms
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL)
  AND (:since IS NULL OR ts >= (SELECT max(ts) FROM exchanges) - :since::interval)
GROUP BY ALL
ORDER BY start;
