-- N+1 calls: many similar calls during one request
--
-- Requests during which the server process made many similar calls: same method, host and path template. A call is
-- attributed to the latest request that its process had begun to serve, which is certain only if the process serves one
-- request at a time.
--
-- :least int = 5  minimum number of similar calls
WITH calls AS (
  SELECT side, ts, method, host, path_template(path) AS path, duration_ms,
         max(iif(side = 'server', id, NULL)) OVER (PARTITION BY pid ORDER BY ts, id) AS request_id
  FROM exchanges
  WHERE side IN ('server', 'client') AND method IS NOT NULL
)
SELECT r.id, r.comm, r.method, r.path, c.method AS call_method, c.host AS call_host, c.path AS call_path,
       count(*) AS calls, round(sum(c.duration_ms), 1) AS calls_ms, round(r.duration_ms, 1) AS duration_ms
FROM calls c JOIN exchanges r ON r.id = c.request_id
WHERE c.side = 'client' AND (r.state = 'open' OR c.ts <= r.ts + r.duration_ms)
GROUP BY r.id, r.comm, r.method, r.path, r.duration_ms, c.method, c.host, c.path
HAVING calls >= :least
ORDER BY calls DESC, r.id;
