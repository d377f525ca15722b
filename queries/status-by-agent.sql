-- Statuses by user agent
--
-- How many responses of each class each user agent got.
--
-- :top int = 20  maximum number of rows
SELECT coalesce(user_agent, '(none)') AS agent, count(*) AS requests, count_if(status BETWEEN 200 AND 299) AS "2xx",
       count_if(status BETWEEN 300 AND 399) AS "3xx", count_if(status BETWEEN 400 AND 499) AS "4xx",
       count_if(status >= 500) AS "5xx", count_if(status IS NULL) AS no_response
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND method IS NOT NULL AND state <> 'open'
GROUP BY ALL
ORDER BY requests DESC, agent
LIMIT :top;
