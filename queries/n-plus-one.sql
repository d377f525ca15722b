-- N+1 calls: many similar calls for one request
--
-- Requests for which a server made many similar calls: same method, host and path template. Only calls with a known
-- parent_id are counted.
--
-- :least int = 5  minimum number of similar calls
SELECT r.id, r.comm, r.method, r.path, c.method AS call_method, c.host AS call_host,
       path_shape(c.path) AS call_path, count(*) AS calls, round(sum(c.duration_ms), 1) AS calls_ms,
       round(r.duration_ms, 1) AS duration_ms
FROM exchanges c JOIN exchanges r ON r.id = c.parent_id
WHERE c.side = 'client'
GROUP BY r.id, r.comm, r.method, r.path, r.duration_ms, c.method, c.host, path_shape(c.path)
HAVING calls >= :least
ORDER BY calls DESC, r.id, call_path, call_method, call_host;
