-- Slow downloads
--
-- Responses that took longest from their first to their last byte: clients that read slowly, or servers that
-- produce slowly. It includes the time of sending the request, so only requests that are smaller count.
--
-- :bytes int = 65536  only response bodies of at least this many bytes
-- :top int = 20       rows at most
SELECT id, ts, comm, method, host, path, via, res_body_bytes, round(duration_ms - ttfb_ms, 1) AS receiving_ms,
       round(res_body_bytes / 1.024 / (duration_ms - ttfb_ms), 1) AS kib_per_second
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND res_body_bytes >= :bytes AND duration_ms > ttfb_ms
  AND coalesce(req_body_bytes, 0) < res_body_bytes
ORDER BY receiving_ms DESC, id
LIMIT :top;
