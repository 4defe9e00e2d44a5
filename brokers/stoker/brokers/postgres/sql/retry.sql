-- Ended jobs start over, with their history.
-- takes: ids uuid[]
WITH old AS (
    DELETE FROM stoker.done WHERE id = ANY (:ids) RETURNING *
),
live AS (
    INSERT INTO stoker.job (
        id, seq, created_at, scheduled_at, timeout, max_attempts, log_lines, dropped_logs, priority, ready,
        state, queue, type, settled_token, unique_key, unique_scope, recurring_id, tags, headers, payload
    )
    SELECT
        id, seq, created_at, statement_timestamp(), timeout, max_attempts, log_lines, dropped_logs, priority,
        true, 'pending', queue, type, settled_token, unique_key, unique_scope, recurring_id, tags, headers,
        payload
    FROM old
),
counted AS (
    INSERT INTO stoker.tally (queue, ready, completed, failed, cancelled, skipped)
    SELECT
        queue, count(*), -count(*) FILTER (WHERE state = 'completed'),
        -count(*) FILTER (WHERE state = 'failed'), -count(*) FILTER (WHERE state = 'cancelled'),
        -count(*) FILTER (WHERE state = 'skipped')
    FROM old GROUP BY queue
)
SELECT id::text, queue FROM old;
