-- Requests by cgroup
--
-- What the processes of each cgroup (a container or a service) served and requested. Each column counts one side.
SELECT coalesce(cgroup, '(unknown)') AS cgroup, count(DISTINCT pid) AS processes, count_if(side = 'server') AS served,
       count_if(side = 'server' AND status >= 500) AS served_errors,
       round(p95(duration_ms) FILTER (WHERE side = 'server'), 1) AS served_p95_ms,
       count_if(side = 'client') AS requested, count_if(side = 'client' AND status >= 500) AS requested_errors
FROM exchanges
GROUP BY 1
ORDER BY served + requested DESC, 1;
