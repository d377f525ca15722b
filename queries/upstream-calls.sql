-- Upstream calls of slow requests
--
-- For each slow request that a server answered, the calls that it made meanwhile, slowest first, with the share of the
-- request's time that each took. Only calls with a known parent_id are listed.
--
-- :slower duration = 100ms  only requests that took longer
-- :top int = 50             number of calls
SELECT r.id, r.comm, r.method, r.path, round(r.duration_ms, 1) AS duration_ms, c.id AS call_id,
       c.method AS call_method, coalesce(c.host, c.remote) AS call_host, c.path AS call_path, c.status AS call_status,
       round(c.duration_ms, 1) AS call_ms, round(100 * c.duration_ms / r.duration_ms, 1) AS share_percent
FROM exchanges r JOIN exchanges c ON c.parent_id = r.id
WHERE r.duration_ms > :slower AND c.side = 'client'
ORDER BY r.duration_ms DESC, r.id, c.duration_ms DESC, c.id
LIMIT :top;
