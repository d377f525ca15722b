-- Missing compression: large text responses
--
-- Text responses without a content coding, sent to clients that accept one.
--
-- :bytes int = 1024  minimum size of the response body
-- :top int = 20      maximum number of rows
SELECT host, path_shape(path) AS path, lower(trim(split_part(content_type, ';', 1))) AS type, count(*) AS responses,
       sum(res_body_bytes) AS body_bytes, max(res_body_bytes) AS largest
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND res_body_bytes >= :bytes
  AND coalesce(content_encoding, 'identity') = 'identity'
  AND content_type REGEXP '(?i)^\s*(text/|image/svg|application/([a-z0-9.+-]+[+])?(json|xml|javascript|wasm)\b)'
  AND req_headers['accept-encoding'] REGEXP '(?i)\b(gzip|deflate|br|zstd)\b'
GROUP BY ALL
ORDER BY body_bytes DESC, path, host, type
LIMIT :top;
