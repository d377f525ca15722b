-- Bodies that are not held in full
--
-- The latest bodies with a note, and the note. Both sides of an exchange are listed, because one may hold what the other
-- does not.
--
-- :top int = 50  maximum number of rows
SELECT id, comm, side, method, path, req_body_note, res_body_note
FROM exchanges
WHERE req_body_note IS NOT NULL OR res_body_note IS NOT NULL
ORDER BY id DESC
LIMIT :top;
