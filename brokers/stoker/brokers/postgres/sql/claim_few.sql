-- All ready jobs of these queues go to a worker, if all that are ready are few: then nothing is to come first.
-- Answers one row at least, which says whether they are; if not, or if some need more to be done, none goes.
-- takes: include text, exclude text, limit int, token text, worker text, lease float8
WITH few AS MATERIALIZED (
    SELECT
        count(*) <= :limit AND bool_or(other) IS NOT TRUE AND NOT EXISTS (SELECT FROM stoker.pause) AS are
    FROM (
        SELECT
            unique_scope = 'waiting' OR (started_at IS NULL AND expires_at <= statement_timestamp()) AS other
        FROM stoker.job WHERE ready LIMIT :limit + 1
    ) AS ready
),
picked AS MATERIALIZED (
    SELECT id, queue, state FROM stoker.job
    WHERE ready AND queue ~ :include AND queue !~ :exclude AND (SELECT are FROM few)
    LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
),
started AS (
    UPDATE stoker.job SET
        state = 'running', ready = false, token = :token, worker = :worker, taken_over = false,
        lease_until = statement_timestamp() + make_interval(secs => :lease),
        started_at = statement_timestamp(), attempts = job.attempts + 1
    WHERE id = ANY (ARRAY(SELECT id FROM picked))
    RETURNING
        id, type, queue, priority, payload, attempts, max_attempts, crashes, solo_deaths, returns, timeout,
        created_at, scheduled_at, started_at, tags, recurring_id, headers, expires_at
),
counted AS (
    INSERT INTO stoker.tally (queue, ready, retrying, running)
    SELECT queue, -count(*) FILTER (WHERE state = 'pending'), -count(*) FILTER (WHERE state = 'retrying'), count(*)
    FROM picked GROUP BY queue
)
SELECT
    id::text, type, queue, priority, payload, attempts, max_attempts, crashes, solo_deaths, returns, timeout,
    created_at, scheduled_at, started_at, tags, recurring_id, headers, expires_at, are
FROM few LEFT JOIN started ON true;
