-- Time to the first message of a stream
--
-- Each stream of messages (server-sent events, gRPC, WebSocket, NDJSON) with the time from the beginning of its request to
-- its first message, and the gaps between its messages: of a language model, the time to the first token and the time per
-- token.
--
-- :over duration = 0s  minimum time to the first message
-- :top int = 20        maximum number of rows
WITH answers AS (
  SELECT e.id, e.ts AS asked, e.comm, e.host, e.path, e.state, m.ts, m.bytes,
         m.ts - lag(m.ts) OVER (PARTITION BY e.id ORDER BY m.seq) AS gap
  FROM exchanges e JOIN messages m ON m.exchange_id = e.id
  WHERE (e.side = 'server' OR e.pair_id IS NULL) AND m.direction = iif(e.side = 'client', 'in', 'out')
    AND m.kind IN ('event', 'text', 'binary', 'grpc', 'part')
)
SELECT id, asked AS ts, comm, host, path, state, round(epoch_ms(min(ts) - asked), 1) AS time_to_first_message_ms,
       count(*) AS messages, sum(bytes) AS bytes, round(epoch_ms(median(gap)), 1) AS gap_p50_ms,
       round(epoch_ms(max(gap)), 1) AS gap_max_ms
FROM answers
GROUP BY id, asked, comm, host, path, state
HAVING min(ts) - asked >= :over
ORDER BY time_to_first_message_ms DESC, id
LIMIT :top;
