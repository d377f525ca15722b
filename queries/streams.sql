-- Long polls, streams and upgraded connections
--
-- Exchanges that are meant to last long: upgraded connections, event streams, and responses that begin late (long polls) or
-- end late.
--
-- :over duration = 5s  minimum duration of a long poll or stream
SELECT CASE WHEN state = 'upgraded' THEN 'upgraded'
            WHEN content_type LIKE 'text/event-stream%' THEN 'events'
            WHEN ttfb_ms >= :over THEN 'long poll'
            ELSE 'stream' END AS kind,
       host, path_shape(path) AS path, count(*) AS exchanges, count_if(state = 'open') AS open,
       round(p50(duration_ms)) AS p50_ms, round(max(duration_ms)) AS max_ms, sum(res_body_bytes) AS res_body_bytes
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL)
  AND (state = 'upgraded' OR content_type LIKE 'text/event-stream%' OR duration_ms >= :over)
GROUP BY ALL
ORDER BY exchanges DESC, kind, path, host;
