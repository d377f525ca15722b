-- Requests in flight now
--
-- Exchanges that have not ended yet, the oldest first.
--
-- :over duration = 0s  minimum age
SELECT id, age_ms, comm, side, remote, method, host, path, status, res_body_bytes
FROM inflight
WHERE (side = 'server' OR pair_id IS NULL) AND age_ms >= :over
ORDER BY age_ms DESC, id;
