-- What settle.sql does, with less to do: for runs that have succeeded at once and left but a result.
-- takes: ids uuid[], tokens text[], results text[]
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(:ids, :tokens, :results) AS given (id, token, result)
),
held AS MATERIALIZED (
    SELECT job.*, given.result
    FROM given CROSS JOIN LATERAL (
        SELECT * FROM stoker.job WHERE job.id = given.id AND job.token = given.token
        FOR UPDATE SKIP LOCKED
    ) AS job
),
ended AS (
    INSERT INTO stoker.done (
        id, seq, created_at, scheduled_at, started_at, completed_at, expires_at, timeout, progress, attempts,
        max_attempts, crashes, solo_deaths, returns, log_lines, dropped_logs, priority, cancel_requested,
        state, queue, type, settled_token, worker, cancel_reason, progress_message,
        unique_key, unique_scope, recurring_id, tags, headers, payload, result
    )
    SELECT
        id, seq, created_at, scheduled_at, started_at, statement_timestamp(), expires_at, timeout, progress, 1,
        max_attempts, 0, 0, 0, log_lines, dropped_logs, priority, cancel_requested,
        'completed', queue, type, token, worker, cancel_reason, progress_message,
        unique_key, unique_scope, recurring_id, tags, headers, payload, result
    FROM held
),
gone AS (
    DELETE FROM stoker.job WHERE id = ANY (ARRAY(SELECT id FROM held))
),
released AS (
    DELETE FROM stoker.unique_key USING held
    WHERE
        held.unique_key IS NOT NULL AND unique_key.queue = held.queue AND unique_key.key = held.unique_key
        AND unique_key.job = held.seq AND unique_key.until IS NULL
),
told AS MATERIALIZED (
    SELECT held.id FROM held WHERE EXISTS (SELECT FROM stoker.awaited WHERE awaited.id = held.id OFFSET 0)
),
counted AS (
    INSERT INTO stoker.tally (queue, running, completed)
    SELECT queue, -count(*), count(*) FROM held GROUP BY queue
)
SELECT
    id::text, token, id = ANY (ARRAY(SELECT id FROM told)),
    (
        SELECT pg_notify('stoker', '{"kind":"settled","ids":' || json_agg(id)::text || '}') FROM told
        HAVING count(*) BETWEEN 1 AND 150
    )::text
FROM held;
