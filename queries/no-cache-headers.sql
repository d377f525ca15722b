-- Cache headers missing from responses
--
-- Successful responses to GET that say neither how long they may be kept (Cache-Control, Expires) nor how to ask again
-- (ETag, Last-Modified), so they are sent in full each time.
--
-- :top int = 20  rows at most
SELECT host, path_template(path) AS path, count(*) AS responses, sum(res_body_bytes) AS body_bytes
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND method = 'GET' AND status = 200
  AND coalesce(res_headers['cache-control'], res_headers['expires'], res_headers['etag'],
               res_headers['last-modified']) IS NULL
GROUP BY ALL
ORDER BY responses DESC, host, path
LIMIT :top;
