-- Redirect chains and loops
--
-- Redirects that lead to another redirect, or back to where they began.
--
-- :most int = 10  maximum number of redirects to follow
WITH RECURSIVE hops AS (
  SELECT DISTINCT url,
    CASE WHEN location REGEXP '^[A-Za-z][A-Za-z0-9+.-]*:' THEN location
         WHEN location LIKE '//%' THEN 'http:' || location
         WHEN location LIKE '/%' THEN 'http://' || host || location
         ELSE regexp_replace(split_part(url, '?', 1), '[^/]*$', '') || location END AS target
  FROM (
    SELECT url, host, res_headers['location'] AS location
    FROM exchanges
    WHERE (side = 'server' OR pair_id IS NULL) AND status IN (301, 302, 303, 307, 308)
  )
  WHERE location IS NOT NULL
), chain AS (
  SELECT url AS start, target, 1 AS redirects, target = url AS is_back, url || ' → ' || target AS trail FROM hops
  UNION ALL
  SELECT c.start, h.target, c.redirects + 1, contains(' → ' || c.trail || ' → ', ' → ' || h.target || ' → '),
         c.trail || ' → ' || h.target
  FROM chain c JOIN hops h ON h.url = c.target
  WHERE c.redirects < :most AND NOT c.is_back
)
SELECT start, redirects, target AS leads_to, target = start AS is_loop, trail
FROM chain
WHERE target = start
   OR (redirects > 1 AND start NOT IN (SELECT target FROM hops)
       AND (is_back OR redirects = :most OR target NOT IN (SELECT url FROM hops)))
ORDER BY redirects DESC, start, trail;
