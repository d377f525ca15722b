-- Abandoned requests, and which side gave up
--
-- Exchanges that ended early because a side closed or reset the connection, exited or timed out, and which side it was.
--
-- :top int = 50  maximum number of rows
SELECT method, host, path_shape(path) AS path, reason,
       CASE WHEN reason IN ('peer closed', 'connection reset') THEN iif(side = 'server', 'client', 'server')
            WHEN reason IN ('closed', 'process exited') THEN side END AS ended_by,
       count(*) AS requests, count_if(status IS NULL) AS unanswered, sum(res_body_bytes) AS res_body_bytes,
       max(ts) AS last
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND method IS NOT NULL AND state IN ('incomplete', 'unanswered')
  AND reason IN ('peer closed', 'connection reset', 'closed', 'process exited', 'timed out')
GROUP BY ALL
ORDER BY requests DESC, path, reason, ended_by, method, host
LIMIT :top;
