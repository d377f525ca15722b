-- Error rates of endpoints
--
-- The percentage of requests that failed: status 500 or above, or no response. Requests still in progress are not counted.
--
-- :since duration = NULL  only requests within this time before the latest one, e.g. 5m
-- :top int = 20           maximum number of rows
-- chart: bar failed_percent by path
SELECT method, host, path_shape(path) AS path, count(*) AS requests,
       count_if(status >= 500) AS server_errors, count_if(status IS NULL) AS unanswered,
       round(100.0 * count_if(status >= 500 OR status IS NULL) / count(*), 1) AS failed_percent
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND method IS NOT NULL AND state <> 'open'
  AND (:since IS NULL OR ts >= (SELECT max(ts) FROM exchanges) - :since::interval)
GROUP BY ALL
HAVING failed_percent > 0
ORDER BY failed_percent DESC, requests DESC, path, method, host
LIMIT :top;
