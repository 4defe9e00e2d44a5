-- Jobs of one state that is not running, newest first, before a place in the list.
-- takes: state, created_at, seq, since, limit
SELECT created_at, seq, id, type, queue, tags, completed_at FROM stoker_job INDEXED BY stoker_listed
WHERE
    state <> 'running' AND state = :state AND created_at >= :since
    AND (created_at, seq) < (:created_at, :seq)
ORDER BY created_at DESC, seq DESC
LIMIT :limit;
