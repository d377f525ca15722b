-- Differences from another recording
--
-- Endpoints (method and path) that are new or gone, became slower, or answer with other statuses, content types or JSON
-- keys than in the recording that was attached before with ATTACH 'FILE' AS old. `tinytap diff OLD NEW` does both.
--
-- :least int = 5        an endpoint is slower, or has other statuses, only with this many requests in both recordings
-- :factor float = 1.5   slower: p50 or p95 is at least this many times the old one
-- :more_ms float = 5    slower: and at least this many milliseconds longer
-- :share float = 0.1    other statuses: the share of one changed by at least this much, from 0 to 1
-- :top int = 100        maximum number of rows
WITH seen AS (
  SELECT 0 AS is_new, method, path_shape(path) AS path, status, duration_ms,
         lower(trim(split_part(coalesce(content_type, 'none'), ';', 1))) AS type
  FROM old.exchanges WHERE (side = 'server' OR pair_id IS NULL) AND method IS NOT NULL
  UNION ALL
  SELECT 1, method, path_shape(path), status, duration_ms,
         lower(trim(split_part(coalesce(content_type, 'none'), ';', 1)))
  FROM exchanges WHERE (side = 'server' OR pair_id IS NULL) AND method IS NOT NULL
),
endpoints AS (
  SELECT method, path, count_if(is_new = 0) AS old_requests, count_if(is_new = 1) AS new_requests,
         round(p50(CASE WHEN is_new = 0 THEN duration_ms END), 1) AS old_p50_ms,
         round(p50(CASE WHEN is_new = 1 THEN duration_ms END), 1) AS new_p50_ms,
         round(p95(CASE WHEN is_new = 0 THEN duration_ms END), 1) AS old_p95_ms,
         round(p95(CASE WHEN is_new = 1 THEN duration_ms END), 1) AS new_p95_ms
  FROM seen GROUP BY method, path
),
statuses AS (
  SELECT method, path, coalesce(status, 'none') AS status, count_if(is_new = 0) AS olds, count_if(is_new = 1) AS news
  FROM seen GROUP BY method, path, status
),
types AS (
  SELECT method, path, type, min(is_new) = 0 AS in_old, max(is_new) = 1 AS in_new
  FROM seen WHERE status BETWEEN 200 AND 299 GROUP BY method, path, type
),
bodies AS (
  SELECT 0 AS is_new, method, path_shape(path) AS path, res_body FROM old.exchanges
  WHERE (side = 'server' OR pair_id IS NULL) AND status BETWEEN 200 AND 299 AND content_type LIKE '%json%'
  UNION ALL
  SELECT 1, method, path_shape(path), res_body FROM exchanges
  WHERE (side = 'server' OR pair_id IS NULL) AND status BETWEEN 200 AND 299 AND content_type LIKE '%json%'
),
keys AS (
  SELECT method, b.path, j.key, min(is_new) = 0 AS in_old, max(is_new) = 1 AS in_new
  FROM bodies b, json_each(CASE WHEN NOT json_valid(res_body) THEN NULL
                              WHEN json_type(res_body) = 'array' THEN res_body -> '$[0]' ELSE res_body END) j
  WHERE typeof(j.key) = 'text' GROUP BY method, b.path, j.key
),
changes AS (
  SELECT 1 AS place, CASE old_requests WHEN 0 THEN 'new' ELSE 'gone' END AS change, method, path,
         NULL AS old, NULL AS new
  FROM endpoints WHERE old_requests = 0 OR new_requests = 0
  UNION ALL
  SELECT 2, 'slower', method, path, NULL, NULL
  FROM endpoints
  WHERE old_requests >= :least AND new_requests >= :least
    AND ((new_p50_ms >= old_p50_ms * :factor AND new_p50_ms - old_p50_ms >= :more_ms)
      OR (new_p95_ms >= old_p95_ms * :factor AND new_p95_ms - old_p95_ms >= :more_ms))
  UNION ALL
  SELECT 3, 'statuses', method, path,
         group_concat(CASE WHEN olds > 0 THEN status || format(' (%.0f%%)', 100.0 * olds / old_requests) END, ', ' ORDER BY status),
         group_concat(CASE WHEN news > 0 THEN status || format(' (%.0f%%)', 100.0 * news / new_requests) END, ', ' ORDER BY status)
  FROM statuses JOIN endpoints USING (method, path)
  WHERE old_requests >= :least AND new_requests >= :least GROUP BY method, path
  HAVING round(max(abs(1.0 * olds / old_requests - 1.0 * news / new_requests)), 6) >= :share
  UNION ALL
  SELECT 4, 'content types', method, path,
         group_concat(CASE WHEN in_old THEN type END, ', ' ORDER BY type),
         group_concat(CASE WHEN in_new THEN type END, ', ' ORDER BY type)
  FROM types GROUP BY method, path HAVING max(in_old) AND max(in_new) AND min(in_old AND in_new) = 0
  UNION ALL
  SELECT 5, 'json keys', method, path,
         group_concat(CASE WHEN NOT in_new THEN key END, ', ' ORDER BY key),
         group_concat(CASE WHEN NOT in_old THEN key END, ', ' ORDER BY key)
  FROM keys GROUP BY method, path HAVING max(in_old) AND max(in_new) AND min(in_old AND in_new) = 0
)
SELECT change, method, path, old_requests, new_requests, old_p50_ms, new_p50_ms, old_p95_ms, new_p95_ms, old, new
FROM changes JOIN endpoints USING (method, path)
ORDER BY place, change, path, method
LIMIT :top;
