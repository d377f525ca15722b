-- Bursts of errors
--
-- Intervals in which many requests to a host failed: status 500 or above, or no response.
--
-- :bucket duration = 10s  length of an interval
-- :least int = 3          minimum number of failed requests
-- :percent float = 10     minimum percentage of failed requests
-- chart: line failed over start by host
SELECT bucket(ts, :bucket) AS start, host, count(*) AS requests,
       count_if(status >= 500 OR status IS NULL) AS failed,
       round(100.0 * count_if(status >= 500 OR status IS NULL) / count(*), 1) AS failed_percent,
       min(id) FILTER (WHERE status >= 500 OR status IS NULL) AS first_id
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND method IS NOT NULL AND state <> 'open'
GROUP BY ALL
HAVING failed >= :least AND failed_percent >= :percent
ORDER BY start, failed DESC, host;
