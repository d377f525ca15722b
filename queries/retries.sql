-- Retries of failed requests
--
-- Requests that a client repeated soon after a failure: status 408, 425, 429, 500 or above, or no complete response.
--
-- :within duration = 60s  maximum time since the failed request began
WITH attempts AS (
  SELECT id, ts, iif(side = 'client', comm, coalesce(remote_ip, remote)) AS client, method, url, status, state,
         lag(id) OVER w AS failed_id, lag(ts) OVER w AS failed_ts, lag(status) OVER w AS failed_status,
         lag(state) OVER w AS failed_state
  FROM exchanges
  WHERE (side = 'client' OR pair_id IS NULL) AND method IS NOT NULL
  WINDOW w AS (PARTITION BY iif(side = 'client', pid, coalesce(remote_ip, remote)), method, url ORDER BY ts, id)
)
SELECT client, method, url, failed_id, failed_status, id AS retry_id, status, ts - failed_ts AS after
FROM attempts
WHERE (failed_status >= 500 OR failed_status IN (408, 425, 429) OR failed_state IN ('unanswered', 'incomplete'))
  AND ts - failed_ts <= :within
ORDER BY id;
