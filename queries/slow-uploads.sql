-- Slow uploads
--
-- Requests that spent most time sending their body: the duration without the wait for the response. It includes
-- the time of receiving the response, so only responses that are smaller than the request count.
--
-- :bytes int = 65536  only request bodies of at least this many bytes
-- :top int = 20       rows at most
SELECT id, ts, comm, method, host, path, req_body_bytes, round(duration_ms - ttfb_ms, 1) AS sending_ms,
       round(req_body_bytes / 1.024 / (duration_ms - ttfb_ms), 1) AS kib_per_second
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND req_body_bytes >= :bytes AND duration_ms > ttfb_ms
  AND coalesce(res_body_bytes, 0) < req_body_bytes
ORDER BY sending_ms DESC, id
LIMIT :top;
