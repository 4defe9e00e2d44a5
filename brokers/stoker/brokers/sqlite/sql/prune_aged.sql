-- Ended jobs of one state that are too old.
-- takes: state, before, limit
SELECT seq, id, queue, completed_at, unique_key FROM stoker_job INDEXED BY stoker_ended
WHERE completed_at IS NOT NULL AND state = :state AND completed_at < :before
ORDER BY completed_at
LIMIT :limit;
