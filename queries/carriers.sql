-- which system calls carried the response bodies, and how many of their bytes are held
SELECT side, via, count(*) AS responses, sum(res_body_bytes) AS body_bytes, sum(res_captured_bytes) AS held_bytes
FROM exchanges
WHERE status IS NOT NULL
GROUP BY side, via
ORDER BY responses DESC;
