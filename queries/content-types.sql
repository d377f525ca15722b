-- Content types of responses
--
-- Responses by media type, ignoring its parameters: how many, how large, and how many with a content coding.
SELECT coalesce(lower(trim(split_part(content_type, ';', 1))), '(none)') AS type, count(*) AS responses,
       sum(res_body_bytes) AS body_bytes, round(avg(res_body_bytes)) AS mean_bytes,
       count_if(content_encoding IS NOT NULL AND content_encoding <> 'identity') AS coded
FROM exchanges
WHERE (side = 'server' OR pair_id IS NULL) AND status IS NOT NULL
GROUP BY 1
ORDER BY responses DESC, 1;
