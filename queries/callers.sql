-- Client processes and the hosts they call
--
-- Requests sent by processes on this host, with failures and body bytes.
--
-- :top int = 50  maximum number of rows
SELECT comm, host, count(*) AS requests, count_if(status >= 500 OR state = 'unanswered') AS failed,
       sum(req_body_bytes) AS sent, sum(res_body_bytes) AS received
FROM exchanges
WHERE side = 'client'
GROUP BY comm, host
ORDER BY requests DESC, comm, host
LIMIT :top;
