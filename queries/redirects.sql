-- Redirects and where they lead
--
-- Which URLs redirect, where to, and how often.
--
-- :top int = 50  maximum number of rows
SELECT url, status, res_headers['location'] AS location, count(*) AS requests, max(ts) AS last
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND url IS NOT NULL AND status IN (301, 302, 303, 307, 308)
GROUP BY ALL
ORDER BY requests DESC, url, status, location
LIMIT :top;
