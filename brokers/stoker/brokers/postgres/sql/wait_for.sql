-- Whoever settles this job is to tell. Nobody waits for a row that somebody has locked.
-- takes: id uuid
UPDATE stoker.job SET awaited = true
WHERE id IN (SELECT id FROM stoker.job WHERE id = :id AND NOT awaited FOR NO KEY UPDATE SKIP LOCKED);
