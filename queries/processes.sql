-- Requests by process
--
-- What each process served and requested. Each column counts one side.
--
-- :top int = 50  maximum number of rows
SELECT pid, comm, max(exe) AS exe, count_if(side = 'server') AS served, count_if(side = 'client') AS requested,
       count_if(status >= 500) AS server_errors, count(DISTINCT conn) AS connections, max(ts) AS last
FROM exchanges
GROUP BY pid, comm
ORDER BY served + requested DESC, pid, comm
LIMIT :top;
