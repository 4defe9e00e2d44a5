-- Where runs' jobs go next, each if its token is still the run's. What others have locked is passed over.
-- Whoever waits for some of them is told.
-- takes: ids uuid[], tokens text[], states text[], attempts int[], crashes int[], solo_deaths int[], returns int[], begun bool[], delays float8[], reasons text[], errors text[], results text[], progress float8[], messages text[], lines int[], dropped int[], keep int
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(
        :ids, :tokens, :states, :attempts, :crashes, :solo_deaths, :returns, :begun, :delays, :reasons, :errors,
        :results, :progress, :messages, :lines, :dropped
    ) AS given (
        id, token, state, attempts, crashes, solo_deaths, returns, begun, delay, reason, error,
        result, progress, message, lines, dropped
    )
),
held AS MATERIALIZED (
    SELECT
        job.*, given.attempts AS runs, given.crashes AS deaths, given.solo_deaths AS solo,
        given.returns AS given_back, given.begun, given.delay, given.reason AS why, given.error AS failure,
        given.result, given.lines, given.state IN ('pending', 'retrying') AND job.cancel_requested AS wished,
        CASE
            WHEN given.state IN ('pending', 'retrying') AND job.cancel_requested THEN 'cancelled'
            ELSE given.state
        END AS next,
        coalesce(given.progress, job.progress) AS done,
        coalesce(given.message, job.progress_message) AS saying,
        given.dropped + greatest(0, job.log_lines + given.lines - :keep)
            - greatest(0, job.log_lines - :keep) AS dropping
    FROM given CROSS JOIN LATERAL (
        SELECT * FROM stoker.job WHERE job.id = given.id AND job.token = given.token
        FOR UPDATE SKIP LOCKED
    ) AS job
),
ended AS (
    INSERT INTO stoker.done (
        id, seq, created_at, scheduled_at, started_at, completed_at, expires_at, timeout, progress, attempts,
        max_attempts, crashes, solo_deaths, returns, log_lines, dropped_logs, priority, cancel_requested,
        state, queue, type, settled_token, worker, reason, error, cancel_reason, progress_message,
        unique_key, unique_scope, recurring_id, tags, headers, payload, result
    )
    SELECT
        id, seq, created_at, scheduled_at, started_at, statement_timestamp(), expires_at, timeout, done, runs,
        max_attempts, deaths, solo, given_back, log_lines + lines, dropped_logs + dropping, priority,
        cancel_requested, next, queue, type, token, worker, CASE WHEN wished THEN cancel_reason ELSE why END,
        failure, cancel_reason, saying, unique_key, unique_scope, recurring_id, tags, headers, payload, result
    FROM held WHERE next NOT IN ('pending', 'retrying')
),
gone AS (
    DELETE FROM stoker.job
    WHERE id = ANY (ARRAY(SELECT id FROM held WHERE next NOT IN ('pending', 'retrying')))
),
waiting AS (
    UPDATE stoker.job SET
        state = held.next, ready = held.delay <= 0, token = NULL, lease_until = NULL,
        settled_token = held.token, started_at = CASE WHEN held.begun THEN held.started_at END, attempts = runs, crashes = deaths, solo_deaths = solo,
        returns = given_back, scheduled_at = statement_timestamp() + make_interval(secs => held.delay),
        reason = why, error = failure, progress = done, progress_message = saying,
        log_lines = held.log_lines + held.lines, dropped_logs = held.dropped_logs + dropping
    FROM held
    WHERE
        job.id = held.id AND held.next IN ('pending', 'retrying')
        AND job.id = ANY (ARRAY(SELECT id FROM held WHERE next IN ('pending', 'retrying')))
),
released AS (
    DELETE FROM stoker.unique_key USING held
    WHERE
        held.unique_key IS NOT NULL AND held.next NOT IN ('pending', 'retrying') AND unique_key.queue = held.queue
        AND unique_key.key = held.unique_key AND unique_key.job = held.seq AND unique_key.until IS NULL
),
told AS MATERIALIZED (
    SELECT held.id FROM held
    WHERE
        held.next NOT IN ('pending', 'retrying')
        AND EXISTS (SELECT FROM stoker.awaited WHERE awaited.id = held.id OFFSET 0)
),
counted AS (
    INSERT INTO stoker.tally (queue, running, ready, delayed, retrying, completed, failed, cancelled, skipped)
    SELECT
        queue, -count(*), count(*) FILTER (WHERE next = 'pending' AND delay <= 0),
        count(*) FILTER (WHERE next = 'pending' AND delay > 0), count(*) FILTER (WHERE next = 'retrying'),
        count(*) FILTER (WHERE next = 'completed'), count(*) FILTER (WHERE next = 'failed'),
        count(*) FILTER (WHERE next = 'cancelled'), count(*) FILTER (WHERE next = 'skipped')
    FROM held GROUP BY queue
)
SELECT
    id::text, token, seq, queue, next, delay <= 0,
    id = ANY (ARRAY(SELECT id FROM told)), log_lines,
    (
        SELECT pg_notify('stoker', '{"kind":"settled","ids":' || json_agg(id)::text || '}') FROM told
        HAVING count(*) BETWEEN 1 AND 150
    )::text
FROM held;
