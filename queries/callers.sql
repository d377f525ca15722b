-- who calls what: client processes and the hosts they talk to
SELECT comm, host, count(*) AS requests, sum(req_body_bytes) AS sent, sum(res_body_bytes) AS received
FROM exchanges
WHERE side = 'client'
GROUP BY comm, host
ORDER BY requests DESC
LIMIT 50;
