-- Duplicate requests
--
-- Requests that a client repeated, with the same body, soon after the previous one. Requests whose bodies are not held in
-- full are ignored, because those bodies cannot be compared.
--
-- :within duration = 1s  maximum time since the previous request
-- :top int = 20          maximum number of rows
WITH each AS (
  SELECT iif(side = 'client', comm, coalesce(remote_ip, remote)) AS client, method, url, res_body_bytes,
         ts - lag(ts) OVER w AS gap
  FROM exchanges
  WHERE (side = 'client' OR pair_id IS NULL) AND method IS NOT NULL
    AND coalesce(req_body_bytes, 0) = coalesce(req_captured_bytes, 0)
  WINDOW w AS (PARTITION BY iif(side = 'client', pid, coalesce(remote_ip, remote)), method, url, req_body ORDER BY ts, id)
)
SELECT client, method, url, count(*) AS duplicates, min(gap) AS shortest_gap, sum(res_body_bytes) AS res_body_bytes
FROM each
WHERE gap <= :within
GROUP BY client, method, url
ORDER BY duplicates DESC, client, url, method
LIMIT :top;
