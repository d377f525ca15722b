-- bodies that are not held in full, and why
SELECT id, comm, method, path, req_body_note, res_body_note
FROM exchanges
WHERE req_body_note IS NOT NULL OR res_body_note IS NOT NULL
ORDER BY id DESC
LIMIT 50;
