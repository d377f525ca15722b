-- Conditional requests that miss
--
-- Requests with If-None-Match or If-Modified-Since that got the whole response again instead of 304. same_etag counts those
-- whose ETag had not changed: a server should have answered them with 304.
--
-- :top int = 20  maximum number of rows
SELECT host, path_shape(path) AS path, count(*) AS conditional, count_if(status = 304) AS not_modified,
       count_if(status = 200) AS misses,
       count_if(status = 200 AND contains(req_headers['if-none-match'], res_headers['etag'])) AS same_etag,
       sum(res_body_bytes) FILTER (WHERE status = 200) AS body_bytes
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND method IN ('GET', 'HEAD')
  AND coalesce(req_headers['if-none-match'], req_headers['if-modified-since']) IS NOT NULL
GROUP BY ALL
HAVING misses > 0
ORDER BY misses DESC, host, path
LIMIT :top;
