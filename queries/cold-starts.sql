-- Cold starts: slow first requests
--
-- Server processes whose first captured request was much slower than their later ones.
--
-- :factor float = 3  how many times slower than the median of the later requests
WITH numbered AS (
  SELECT id, ts, pid, comm, method, path, duration_ms, row_number() OVER (PARTITION BY pid ORDER BY ts, id) AS number
  FROM exchanges
  WHERE side = 'server' AND duration_ms IS NOT NULL
)
SELECT f.id, f.ts, f.pid, f.comm, f.method, f.path, round(f.duration_ms, 1) AS first_ms,
       round(median(later.duration_ms), 1) AS later_ms, count(*) AS later_requests
FROM numbered f JOIN numbered later ON later.pid = f.pid AND later.number > 1
WHERE f.number = 1
GROUP BY f.id, f.ts, f.pid, f.comm, f.method, f.path, f.duration_ms
HAVING f.duration_ms >= :factor * median(later.duration_ms)
ORDER BY first_ms DESC, f.id;
