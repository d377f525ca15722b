-- Most frequent 404s
--
-- Missing paths, how often they were requested, and by how many clients.
--
-- :top int = 20  maximum number of rows
SELECT host, path, count(*) AS requests, count(DISTINCT iif(side = 'server', coalesce(remote_ip, remote), comm)) AS clients,
       max(ts) AS last
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND status IN (404, 410) AND path IS NOT NULL
GROUP BY host, path
ORDER BY requests DESC, host, path
LIMIT :top;
