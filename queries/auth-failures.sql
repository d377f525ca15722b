-- Failed authentication by client
--
-- Responses 401, 403 and 407: how many each client got, how many of its requests carried credentials, and the first and
-- last time.
--
-- :least int = 1  minimum number of failures
SELECT iif(side = 'server', coalesce(remote_ip, remote), comm) AS client, host, path_shape(path) AS path, status,
       count(*) AS failures, count_if(coalesce(req_headers['authorization'], req_headers['proxy-authorization'],
       req_headers['cookie']) IS NOT NULL) AS with_credentials, min(ts) AS first, max(ts) AS last
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND status IN (401, 403, 407)
GROUP BY ALL
HAVING failures >= :least
ORDER BY failures DESC, client, host, path, status;
