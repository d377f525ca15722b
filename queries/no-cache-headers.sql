-- Responses without cache headers
--
-- Successful responses to GET that have neither Cache-Control, Expires, ETag nor Last-Modified, so clients fetch them in
-- full each time.
--
-- :top int = 20  maximum number of rows
SELECT host, path_shape(path) AS path, count(*) AS responses, sum(res_body_bytes) AS body_bytes
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND method = 'GET' AND status = 200
  AND coalesce(res_headers['cache-control'], res_headers['expires'], res_headers['etag'],
               res_headers['last-modified']) IS NULL
GROUP BY ALL
ORDER BY responses DESC, host, path
LIMIT :top;
