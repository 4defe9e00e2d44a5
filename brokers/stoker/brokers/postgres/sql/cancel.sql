-- Jobs that wait end at once; of those that run it is wished. Waits for who settles them meanwhile.
-- takes: ids uuid[], reason text
WITH held AS MATERIALIZED (
    SELECT job.* FROM stoker.job WHERE id = ANY (:ids) ORDER BY id FOR UPDATE
),
wished AS (
    UPDATE stoker.job SET cancel_requested = true, cancel_reason = coalesce(job.cancel_reason, :reason)
    WHERE id = ANY (ARRAY(SELECT id FROM held WHERE state = 'running'))
),
gone AS (
    DELETE FROM stoker.job WHERE id = ANY (ARRAY(SELECT id FROM held WHERE state <> 'running'))
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
        attempts, max_attempts, crashes, solo_deaths, returns, log_lines, dropped_logs, priority, true,
        'cancelled', queue, type, settled_token, worker, :reason, error, :reason, progress_message,
        unique_key, unique_scope, recurring_id, tags, headers, payload, NULL
    FROM held WHERE state <> 'running'
),
released AS (
    DELETE FROM stoker.unique_key USING held
    WHERE
        held.unique_key IS NOT NULL AND held.state <> 'running'
        AND unique_key.queue = held.queue AND unique_key.key = held.unique_key AND unique_key.job = held.seq AND unique_key.until IS NULL
),
counted AS (
    INSERT INTO stoker.tally (queue, ready, delayed, retrying, cancelled)
    SELECT
        queue, -count(*) FILTER (WHERE ready AND state = 'pending'),
        -count(*) FILTER (WHERE NOT ready AND state = 'pending'),
        -count(*) FILTER (WHERE state = 'retrying'), count(*)
    FROM held WHERE state <> 'running' GROUP BY queue
)
SELECT id::text, state, EXISTS (SELECT FROM stoker.awaited WHERE awaited.id = held.id) FROM held;
