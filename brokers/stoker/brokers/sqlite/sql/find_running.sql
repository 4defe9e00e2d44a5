-- The running ones, newest first, before a place in the list.
-- takes: created_at, seq, since, limit
SELECT created_at, seq, id, type, queue, tags, completed_at FROM stoker_job INDEXED BY stoker_leased
WHERE state = 'running' AND created_at >= :since AND (created_at, seq) < (:created_at, :seq)
ORDER BY created_at DESC, seq DESC
LIMIT :limit;
