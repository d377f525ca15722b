-- Top talkers by bytes
--
-- How many body bytes each client sent to and received from each host.
--
-- :since duration = NULL  only requests within this time before the latest one, e.g. 5m
-- :top int = 20           maximum number of rows
-- chart: bar bytes by client
SELECT iif(side = 'client', comm, coalesce(remote_name, remote_ip, remote)) AS client, host, count(*) AS requests,
       total(req_body_bytes)::int AS sent, total(res_body_bytes)::int AS received,
       (total(req_body_bytes) + total(res_body_bytes))::int AS bytes
FROM exchanges
WHERE (side = 'client' OR pair_id IS NULL)
  AND (:since IS NULL OR ts >= (SELECT max(ts) FROM exchanges) - :since::interval)
GROUP BY ALL
ORDER BY bytes DESC, client, host
LIMIT :top;
