-- Ended jobs of one state, the oldest first.
-- takes: state, limit
SELECT seq, id, queue, completed_at, unique_key FROM stoker_job INDEXED BY stoker_ended
WHERE completed_at IS NOT NULL AND state = :state
ORDER BY completed_at, seq
LIMIT :limit;
