-- Largest number of concurrent requests
--
-- For each server process, and each client process whose server is elsewhere: the largest number of exchanges in progress
-- at the same time, and when it was first reached.
WITH changes AS (
  SELECT pid, comm, side, ts AS at, 1 AS change FROM exchanges
  WHERE (side = 'server' OR pair_id IS NULL) AND method IS NOT NULL
  UNION ALL
  SELECT pid, comm, side, ts + duration_ms, -1 FROM exchanges
  WHERE (side = 'server' OR pair_id IS NULL) AND method IS NOT NULL AND duration_ms IS NOT NULL
), running AS (
  SELECT pid, comm, side, at, sum(change) OVER (PARTITION BY pid, side ORDER BY at, change ROWS UNBOUNDED PRECEDING) AS open
  FROM changes
), levels AS (
  SELECT pid, comm, side, open, min(at) AS at FROM running GROUP BY pid, comm, side, open
)
SELECT pid, comm, side, max(open) AS most, at
FROM levels
GROUP BY pid, comm, side
ORDER BY most DESC, pid, side;
