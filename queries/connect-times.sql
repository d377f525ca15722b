-- Connect times and retransmits by peer
--
-- How long clients needed to connect to each address, and what the sockets measured until they were closed: the
-- round-trip time, and how many segments were sent again. A connect time of more than a second usually means that the
-- first packet was lost or the listener's queue was full.
--
-- :since duration = NULL  only connections opened within this time before the latest one, e.g. 5m
-- :top int = 20           maximum number of rows
-- chart: bar connect_p95_ms by peer
SELECT comm, remote AS peer, count(*) AS connections,
       round(p50(connect_ms), 3) AS connect_p50_ms, round(p95(connect_ms), 3) AS connect_p95_ms,
       round(max(connect_ms), 3) AS connect_max_ms, round(avg(rtt_ms), 3) AS rtt_ms, sum(retransmits) AS retransmits
FROM connections
WHERE side = 'client' AND (connect_ms IS NOT NULL OR retransmits IS NOT NULL)
  AND (:since IS NULL OR opened >= (SELECT max(opened) FROM connections) - :since::interval)
GROUP BY ALL
ORDER BY connect_p95_ms DESC NULLS LAST, comm, peer
LIMIT :top;
