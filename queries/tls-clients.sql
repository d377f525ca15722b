-- Kinds of TLS clients
--
-- For each server process: the programs that call it, told apart by how they shake hands (JA4), how many connections and
-- addresses each has, and the names that it asked for.
--
-- :top int = 50  maximum number of rows
SELECT comm, ja4, count(*) AS connections, count(DISTINCT regexp_replace(remote, ':\d+$', '')) AS addresses,
       count(DISTINCT sni) AS names, min(sni) AS one_name, max(opened) AS last
FROM connections
WHERE side = 'server' AND ja4 IS NOT NULL
GROUP BY ALL
ORDER BY connections DESC, comm, ja4
LIMIT :top;
