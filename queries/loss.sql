-- What was not captured
--
-- Events and bytes that are missing, by reason. Only those of kind lost can make results wrong; the others are limits and
-- choices.
SELECT kind, reason, events, bytes, last_ts
FROM loss
WHERE events > 0
ORDER BY kind DESC, bytes DESC, reason;
