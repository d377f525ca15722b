-- Why bodies are not held in full
--
-- The number of bodies with a note, by side and by the first reason in the note, and how many of their bytes are not held.
WITH bodies AS (
  SELECT side, 'request' AS message, req_body_note AS note, req_body_bytes - req_captured_bytes AS missing FROM exchanges
  UNION ALL
  SELECT side, 'response', res_body_note, res_body_bytes - res_captured_bytes FROM exchanges
)
SELECT side, message,
       regexp_extract(note, 'sendfile|splice|(body|call|iovec|memory) limit|lost \([a-z ]+\)|discarded|not decoded|decoded in part|not captured') AS why,
       count(*) AS bodies, sum(missing) AS missing_bytes
FROM bodies
WHERE note IS NOT NULL
GROUP BY ALL
ORDER BY missing_bytes DESC, bodies DESC, why, side, message;
