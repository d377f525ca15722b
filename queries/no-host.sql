-- Requests without a Host field
--
-- HTTP/1.1 requires the field; HTTP/1.0 does not.
SELECT iif(side = 'server', coalesce(remote_ip, remote), comm) AS client, req_http_version, method, path,
       count(*) AS requests, max(ts) AS last
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND method IS NOT NULL AND req_headers IS NOT NULL
  AND req_headers['host'] IS NULL
GROUP BY ALL
ORDER BY requests DESC, client, path, method, req_http_version;
