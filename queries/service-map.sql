-- Who calls whom
--
-- The map of services as rows. A caller or callee on this host is named by its process, another by its name or
-- address. An exchange that is seen from both sides counts once.
-- chart: graph requests from caller to callee
SELECT iif(e.side = 'client', e.comm, coalesce(e.remote_name, e.remote_ip, e.remote)) AS caller,
       iif(e.side = 'client', coalesce(p.comm, e.host, e.remote), e.comm) AS callee,
       count(*) AS requests, count_if(e.status >= 500 OR e.state = 'unanswered') AS failed,
       round(p50(e.duration_ms), 1) AS p50_ms, round(p95(e.duration_ms), 1) AS p95_ms,
       sum(e.req_body_bytes) AS sent, sum(e.res_body_bytes) AS received
FROM exchanges e LEFT JOIN exchanges p ON p.id = e.pair_id
WHERE e.side = 'client' OR e.pair_id IS NULL
GROUP BY ALL
ORDER BY requests DESC, caller, callee;
