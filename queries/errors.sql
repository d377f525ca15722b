-- Latest errors
--
-- Responses with status 400 or above, and exchanges that did not complete.
--
-- :top int = 50  maximum number of rows
SELECT id, ts, comm, side, method, host, path, status, state, reason
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND (status >= 400 OR state NOT IN ('complete', 'open', 'upgraded'))
ORDER BY id DESC
LIMIT :top;
