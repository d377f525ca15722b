-- Slow downloads
--
-- Responses that took longest from the first to the last byte, because the client reads slowly or the server produces
-- slowly. The time includes sending the request, so only requests smaller than the response are listed.
--
-- :bytes int = 65536  minimum size of the response body
-- :top int = 20       maximum number of rows
SELECT id, ts, comm, method, host, path, via, res_body_bytes, round(duration_ms - ttfb_ms, 1) AS receiving_ms,
       round(res_body_bytes / 1.024 / (duration_ms - ttfb_ms), 1) AS kib_per_second
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND res_body_bytes >= :bytes AND duration_ms > ttfb_ms
  AND coalesce(req_body_bytes, 0) < res_body_bytes
ORDER BY receiving_ms DESC, id
LIMIT :top;
