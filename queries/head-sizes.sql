-- Header sizes by host
--
-- Bytes of the header fields of requests and responses: names, values, colons and line ends, but not the start line.
--
-- :top int = 20  maximum number of rows
WITH heads AS (
  SELECT exchange_id, total(length(raw_name) + length(header_value) + 4) FILTER (WHERE message = 'request') AS request,
         total(length(raw_name) + length(header_value) + 4) FILTER (WHERE message = 'response') AS response
  FROM headers
  WHERE trailer = 0
  GROUP BY exchange_id
)
SELECT e.host, count(*) AS exchanges, round(p50(h.request)) AS req_p50, max(h.request)::int AS req_max,
       round(p50(h.response)) AS res_p50, max(h.response)::int AS res_max
FROM exchanges e JOIN heads h ON h.exchange_id = e.id
WHERE e.side = 'server' OR e.pair_id IS NULL
GROUP BY e.host
ORDER BY req_max + res_max DESC, e.host
LIMIT :top;
