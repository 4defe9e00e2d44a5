-- Jobs that should have started by now.
-- takes: now, limit
SELECT seq, queue, id, state, ready, unique_key
FROM stoker_job INDEXED BY stoker_expiring
WHERE
    expires_at IS NOT NULL AND started_at IS NULL AND state IN ('pending', 'retrying')
    AND expires_at <= :now
ORDER BY expires_at
LIMIT :limit;
