-- Connections with pipelined requests
--
-- Connections on which a request began before the response to an earlier one had ended.
WITH ordered AS (
  SELECT id, conn, comm, side, remote, ts, duration_ms, state,
         max(ts + duration_ms) OVER (PARTITION BY conn ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy_until
  FROM exchanges
  WHERE (side = 'server' OR pair_id IS NULL) AND method IS NOT NULL
)
SELECT conn, comm, side, remote, count(*) AS requests, count_if(ts < busy_until) AS pipelined,
       min(id) FILTER (WHERE ts < busy_until) AS first_id
FROM ordered
GROUP BY conn, comm, side, remote
HAVING pipelined > 0
ORDER BY pipelined DESC, conn;
