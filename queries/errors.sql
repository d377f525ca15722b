-- responses with status 400 or above, and exchanges that did not complete
SELECT id, ts, comm, side, method, host, path, status, state, reason
FROM exchanges
WHERE status >= 400 OR state NOT IN ('complete', 'open', 'upgraded')
ORDER BY id DESC
LIMIT 50;
