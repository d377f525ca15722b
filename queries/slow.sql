-- the slowest endpoints: requests, p50 and p95 of the duration in milliseconds
SELECT method, host, path, count(*) AS requests,
       round(p50(duration_ms), 1) AS p50_ms, round(p95(duration_ms), 1) AS p95_ms
FROM exchanges
WHERE duration_ms IS NOT NULL
GROUP BY method, host, path
ORDER BY p95_ms DESC
LIMIT 20;
