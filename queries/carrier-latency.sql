-- Latency by carrier: sendfile compared with writev
--
-- How long servers took to respond, by the system call that carried most of the body.
--
-- :bytes int = 1  minimum size of the response body
-- chart: bar p50_ms, p95_ms by via
SELECT via, count(*) AS responses, sum(res_body_bytes) AS body_bytes, round(p50(ttfb_ms), 1) AS ttfb_ms,
       round(p50(duration_ms), 1) AS p50_ms, round(p95(duration_ms), 1) AS p95_ms,
       round(sum(res_body_bytes) / 1.024 / sum(duration_ms), 1) AS kib_per_second
FROM exchanges
WHERE side = 'server' AND res_body_bytes >= :bytes AND duration_ms IS NOT NULL
GROUP BY via
ORDER BY responses DESC, via;
