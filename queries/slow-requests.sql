-- Slowest single requests
--
-- Requests that took at least this long, the slowest first. .show ID prints one in full.
--
-- :over duration = 0s  only requests that took at least this long
-- :top int = 20        rows at most
SELECT id, ts, comm, method, host, path, status, duration_ms, ttfb_ms, res_body_bytes
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND duration_ms >= :over
ORDER BY duration_ms DESC, id
LIMIT :top;
