-- System calls that carried the response bodies
--
-- For each side and call, such as sendfile or writev: how many responses and body bytes it carried, and how many of these
-- bytes are held.
--
-- chart: bar body_bytes by via
SELECT side, via, count(*) AS responses, sum(res_body_bytes) AS body_bytes, sum(res_captured_bytes) AS held_bytes
FROM exchanges
WHERE status IS NOT NULL
GROUP BY side, via
ORDER BY responses DESC, side, via;
