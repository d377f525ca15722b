-- Requests per connection
--
-- How many connections carried how many requests, by side, and how long the closed ones lasted on average.
--
-- chart: bar connections by requests
SELECT side, exchanges AS requests, count(*) AS connections, avg(closed - opened) AS mean_age
FROM connections
WHERE exchanges > 0
GROUP BY side, exchanges
ORDER BY side DESC, requests;
