-- Chatty clients: many small requests
--
-- Clients that send many small requests: requests per second between their first and last one, and bytes of both
-- bodies of an average request.
--
-- :least int = 100   requests at least
-- :bytes int = 2048  bytes of an average request at most
SELECT iif(side = 'client', comm, coalesce(remote_ip, remote)) AS client, host, count(*) AS requests,
       round(count(*) / max(extract(epoch FROM max(ts) - min(ts)), 1.0), 1) AS per_second,
       round(avg(coalesce(req_body_bytes, 0) + coalesce(res_body_bytes, 0))) AS bytes_each,
       count(DISTINCT conn) AS connections
FROM exchanges
WHERE (side = 'client' OR pair_id IS NULL) AND method IS NOT NULL
GROUP BY ALL
HAVING requests >= :least AND bytes_each <= :bytes
ORDER BY per_second DESC, client, host;
