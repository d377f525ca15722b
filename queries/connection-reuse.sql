-- Reuse of connections
--
-- For each process and its peer: connections, requests on each, and which percentage carried only one request. On the
-- client side of this host that is a missing pool or keep-alive.
--
-- :least int = 2  connections at least
SELECT side, comm, iif(side = 'server', regexp_replace(remote, ':\d+$', ''), remote) AS peer, count(*) AS connections,
       sum(exchanges) AS requests, round(1.0 * sum(exchanges) / count(*), 1) AS per_connection,
       round(100.0 * count_if(exchanges = 1) / count(*)) AS used_once_percent
FROM connections
WHERE exchanges > 0
GROUP BY ALL
HAVING connections >= :least
ORDER BY used_once_percent DESC, connections DESC, comm, peer;
