-- Service map: who calls whom
--
-- Processes on this host are shown by name, other hosts by name or address. An exchange seen from both sides counts once.
--
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
