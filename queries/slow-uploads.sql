-- Slow uploads
--
-- Requests whose bodies took longest to send: the duration without waiting for the response. The time includes receiving
-- the response, so only responses smaller than the request are listed.
--
-- :bytes int = 65536  minimum size of the request body
-- :top int = 20       maximum number of rows
SELECT id, ts, comm, method, host, path, req_body_bytes, round(duration_ms - ttfb_ms, 1) AS sending_ms,
       round(req_body_bytes / 1.024 / (duration_ms - ttfb_ms), 1) AS kib_per_second
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND req_body_bytes >= :bytes AND duration_ms > ttfb_ms
  AND coalesce(res_body_bytes, 0) < req_body_bytes
ORDER BY sending_ms DESC, id
LIMIT :top;
