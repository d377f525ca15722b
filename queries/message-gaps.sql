-- Streams of messages by endpoint: first message, gaps, rate
--
-- How long endpoints that answer with messages (server-sent events, gRPC, WebSocket, NDJSON) take to the first one, how long
-- the gaps between messages are, and how many come per second: of language models, tokens per second.
--
-- :top int = 20  maximum number of rows
WITH answers AS (
  SELECT e.id, e.host, path_shape(e.path) AS path, m.ts - e.ts AS since,
         m.ts - lag(m.ts) OVER (PARTITION BY e.id ORDER BY m.seq) AS gap
  FROM exchanges e JOIN messages m ON m.exchange_id = e.id
  WHERE (e.side = 'server' OR e.pair_id IS NULL) AND m.direction = iif(e.side = 'client', 'in', 'out')
    AND m.kind IN ('event', 'text', 'binary', 'grpc', 'part')
)
SELECT host, path, count(DISTINCT id) AS streams, count(*) AS messages,
       round(epoch_ms(median(iif(gap IS NULL, since, NULL))), 1) AS first_p50_ms,
       round(epoch_ms(max(iif(gap IS NULL, since, NULL))), 1) AS first_max_ms,
       round(epoch_ms(median(gap)), 1) AS gap_p50_ms, round(epoch_ms(max(gap)), 1) AS gap_max_ms,
       round(count(gap) / extract(epoch FROM sum(gap)), 1) AS per_second
FROM answers
GROUP BY ALL
ORDER BY messages DESC, host, path
LIMIT :top;
