-- Who talks TLS to which server
--
-- For each process: the servers that it names in its handshakes, or that its clients ask it for, how often, and with which
-- versions. Without a name, it is the server's address. What they say is in `exchanges`
-- only with --tls.
--
-- :top int = 50  maximum number of rows
SELECT side, comm, coalesce(sni, iif(side = 'server', local, remote)) AS server, count(*) AS connections,
       count_if(tls_version = '1.3') AS tls_1_3, count_if(tls_version = '1.2') AS tls_1_2,
       count_if(tls_version NOT IN ('1.3', '1.2')) AS older, count_if(tls_version IS NULL) AS unfinished, max(opened) AS last
FROM connections
WHERE ja4 IS NOT NULL OR tls_version IS NOT NULL
GROUP BY ALL
ORDER BY connections DESC, server, comm, side
LIMIT :top;
