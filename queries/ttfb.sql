-- Time to first byte compared with total time
--
-- The median time from the last byte of the request to the first byte of the response, the median duration, and the
-- percentage of the total duration spent waiting. The rest is sending and receiving.
--
-- :top int = 20  maximum number of rows
-- chart: bar ttfb_ms, total_ms by path
SELECT method, host, path_shape(path) AS path, count(*) AS requests, round(p50(ttfb_ms), 1) AS ttfb_ms,
       round(p50(duration_ms), 1) AS total_ms, round(100 * sum(ttfb_ms) / sum(duration_ms)) AS waiting_percent
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND ttfb_ms IS NOT NULL AND duration_ms IS NOT NULL
GROUP BY ALL
ORDER BY total_ms DESC, requests DESC, path, method, host
LIMIT :top;
