-- Requests lost because a kept-alive connection closed
--
-- Requests without a response on a connection that had already been used: the server closed it before or while the request
-- arrived. idle_ms is the time since the previous exchange ended.
WITH numbered AS (
  SELECT id, ts, comm, side, conn, method, host, path, state, status, reason,
         row_number() OVER (PARTITION BY conn ORDER BY id) AS number,
         epoch_ms(ts - lag(ts + duration_ms) OVER (PARTITION BY conn ORDER BY id)) AS idle_ms
  FROM exchanges
  WHERE (side = 'server' OR pair_id IS NULL) AND method IS NOT NULL
)
SELECT id, ts, comm, side, conn, number, method, host, path, reason, round(idle_ms, 1) AS idle_ms
FROM numbered
WHERE number > 1 AND state = 'unanswered'
  AND (side = 'client' AND reason IN ('peer closed', 'connection reset') OR side = 'server' AND reason = 'closed')
ORDER BY id;
