-- Waiting jobs that should have started by now end as skipped: those named, or any if none is.
-- takes: ids uuid[], limit int
WITH late AS MATERIALIZED (
    SELECT job.* FROM stoker.job
    WHERE
        expires_at IS NOT NULL AND started_at IS NULL AND state <> 'running'
        AND expires_at <= statement_timestamp() AND (:ids = '{}' OR id = ANY (:ids))
    ORDER BY expires_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
),
gone AS (
    DELETE FROM stoker.job WHERE id = ANY (ARRAY(SELECT id FROM late))
),
ended AS (
    INSERT INTO stoker.done (
        id, seq, created_at, scheduled_at, started_at, completed_at, expires_at, timeout, progress, attempts,
        max_attempts, crashes, solo_deaths, returns, log_lines, dropped_logs, priority, cancel_requested,
        state, queue, type, settled_token, worker, reason, error, cancel_reason, progress_message,
        unique_key, unique_scope, recurring_id, tags, headers, payload, result
    )
    SELECT
        id, seq, created_at, scheduled_at, started_at, statement_timestamp(), expires_at, timeout, progress,
        attempts, max_attempts, crashes, solo_deaths, returns, log_lines, dropped_logs, priority,
        cancel_requested, 'skipped', queue, type, settled_token, worker, 'expired', error, cancel_reason,
        progress_message, unique_key, unique_scope, recurring_id, tags, headers, payload, NULL
    FROM late
),
released AS (
    DELETE FROM stoker.unique_key USING late
    WHERE
        late.unique_key IS NOT NULL AND unique_key.queue = late.queue
        AND unique_key.key = late.unique_key AND unique_key.job = late.seq AND unique_key.until IS NULL
),
counted AS (
    INSERT INTO stoker.tally (queue, ready, delayed, retrying, skipped)
    SELECT
        queue, -count(*) FILTER (WHERE ready AND state = 'pending'),
        -count(*) FILTER (WHERE NOT ready AND state = 'pending'),
        -count(*) FILTER (WHERE state = 'retrying'), count(*)
    FROM late GROUP BY queue
)
SELECT id::text, EXISTS (SELECT FROM stoker.awaited WHERE awaited.id = late.id) FROM late;
