-- Jobs that have just been put in, and are not to run, end as skipped.
-- takes: ids uuid[], reasons text[]
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(:ids, :reasons) AS given (id, reason)
),
gone AS (
    DELETE FROM stoker.job WHERE id = ANY (ARRAY(SELECT id FROM given)) AND state = 'pending' RETURNING job.*
),
ended AS (
    INSERT INTO stoker.done (
        id, seq, created_at, scheduled_at, completed_at, expires_at, timeout, attempts, max_attempts, crashes,
        solo_deaths, returns, log_lines, dropped_logs, priority, cancel_requested, state, queue, type, reason,
        recurring_id, tags, headers, payload
    )
    SELECT
        gone.id, seq, created_at, scheduled_at, statement_timestamp(), expires_at, timeout, attempts,
        max_attempts, crashes, solo_deaths, returns, log_lines, dropped_logs, priority, cancel_requested,
        'skipped', queue, type, given.reason, recurring_id, tags, headers, payload
    FROM gone JOIN given ON given.id = gone.id
),
counted AS (
    INSERT INTO stoker.tally (queue, ready, delayed, skipped)
    SELECT queue, -count(*) FILTER (WHERE ready), -count(*) FILTER (WHERE NOT ready), count(*)
    FROM gone GROUP BY queue
)
SELECT id::text FROM gone WHERE EXISTS (SELECT FROM stoker.awaited WHERE awaited.id = gone.id);
