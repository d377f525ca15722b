-- What was not captured
--
-- Missing events and bytes, by reason. Only those of kind lost can make results wrong; the others result from limits and
-- settings.
SELECT kind, reason, events, bytes, last_ts
FROM loss
WHERE events > 0
ORDER BY kind DESC, bytes DESC, reason;
