-- Chatty clients: many small requests
--
-- Clients that send many small requests: their rate between the first and the last one, and the average number of body
-- bytes of a request and its response.
--
-- :least int = 100   minimum number of requests
-- :bytes int = 2048  maximum average number of body bytes
SELECT iif(side = 'client', comm, coalesce(remote_ip, remote)) AS client, host, count(*) AS requests,
       round(count(*) / max(extract(epoch FROM max(ts) - min(ts)), 1.0), 1) AS per_second,
       round(avg(coalesce(req_body_bytes, 0) + coalesce(res_body_bytes, 0))) AS bytes_each,
       count(DISTINCT conn) AS connections
FROM exchanges
WHERE (side = 'client' OR pair_id IS NULL) AND method IS NOT NULL
GROUP BY ALL
HAVING requests >= :least AND bytes_each <= :bytes
ORDER BY per_second DESC, client, host;
