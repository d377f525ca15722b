-- Malformed and unusual messages
--
-- How often each anomaly of grammar or framing occurred, with the lowest id of an exchange that has it.
SELECT j.value AS anomaly, count(*) AS exchanges, count(DISTINCT e.conn) AS connections, min(e.id) AS first_id,
       max(e.ts) AS last
FROM exchanges e, json_each('["' || replace(e.anomalies, ',', '","') || '"]') j
WHERE (e.side = 'server' OR e.pair_id IS NULL) AND e.anomalies IS NOT NULL
GROUP BY j.value
ORDER BY exchanges DESC, anomaly;
