-- Secrets in query strings
--
-- Requests whose query string has a parameter that is usually secret. URLs end up in logs, histories and Referer fields.
-- Only the names are shown.
SELECT iif(e.side = 'server', coalesce(e.remote_ip, e.remote), e.comm) AS client, e.host, path_shape(e.path) AS path,
       j.key AS parameter, count(*) AS requests, max(e.ts) AS last
FROM exchanges e, json_each(query_params(e.query_string)) j
WHERE (e.side = 'server' OR e.pair_id IS NULL)
  AND j.key REGEXP '(?i)^(.*[_-])?(token|password|passwd|pwd|secret|api_?key|access_?key|sig|signature|jwt|session_?id|auth|authorization|credential)s?$'
GROUP BY ALL
ORDER BY requests DESC, e.host, path, parameter, client;
