-- Runs whose lease has ended, or all of one worker's, go over under a new token. The worker's name stays,
-- for the history; what is not its any more is marked. What somebody has locked is being settled.
-- takes: worker text, limit int, token text, lease float8
WITH left_over AS MATERIALIZED (
    SELECT id FROM stoker.job
    WHERE
        state = 'running' AND (
            (:worker IS NULL AND lease_until <= statement_timestamp())
            OR (worker = :worker AND NOT taken_over)
        )
    ORDER BY lease_until
    LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE stoker.job SET
    token = :token, lease_until = statement_timestamp() + make_interval(secs => :lease), taken_over = true
WHERE id = ANY (ARRAY(SELECT id FROM left_over))
RETURNING
    job.id::text, type, queue, priority, payload, attempts, max_attempts, crashes, solo_deaths, returns,
    timeout, created_at, scheduled_at, started_at, tags, recurring_id, headers, expires_at,
    cancel_requested, cancel_reason;
