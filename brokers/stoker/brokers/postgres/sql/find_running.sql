-- The running jobs, newest first, before a place in the list.
-- takes: created_at timestamptz, seq int8, since timestamptz, limit int
SELECT created_at, seq, id::text, type, queue, tags, NULL::timestamptz AS completed_at FROM stoker.job
WHERE state = 'running' AND created_at >= :since AND (created_at, seq) < (:created_at, :seq)
ORDER BY created_at DESC, seq DESC
LIMIT :limit;
