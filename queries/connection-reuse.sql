-- Connection reuse
--
-- For each process and peer: the number of connections, the requests on each, and the percentage of connections used only
-- once. A high percentage on the client side means that a connection pool or keep-alive is missing.
--
-- :least int = 2  minimum number of connections
SELECT side, comm, iif(side = 'server', regexp_replace(remote, ':\d+$', ''), remote) AS peer, count(*) AS connections,
       sum(exchanges) AS requests, round(1.0 * sum(exchanges) / count(*), 1) AS per_connection,
       round(100.0 * count_if(exchanges = 1) / count(*)) AS used_once_percent
FROM connections
WHERE exchanges > 0
GROUP BY ALL
HAVING connections >= :least
ORDER BY used_once_percent DESC, connections DESC, comm, peer, side;
