-- Ready jobs go to a worker: queue by queue from the one after `after` on (or those named, as they come),
-- in each one priority after the other. Every step stops as soon as there are enough.
-- `floors` say from which time on a queue and priority may have something, where a backlog is drained.
-- takes: names text[], after text, include text, exclude text, first int, last int, step int, limit int, token text, worker text, lease float8, floor_queues text[], floor_priorities int[], floors timestamptz[]
WITH RECURSIVE upward (queue) AS (
    (SELECT queue FROM stoker.job WHERE ready AND queue > :after AND :names = '{}' ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT (
        SELECT job.queue FROM stoker.job WHERE ready AND job.queue > upward.queue ORDER BY job.queue LIMIT 1
    )
    FROM upward WHERE upward.queue IS NOT NULL
),
around (queue) AS (
    (SELECT queue FROM stoker.job WHERE ready AND queue <= :after AND :names = '{}' ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT (
        SELECT job.queue FROM stoker.job
        WHERE ready AND job.queue > around.queue AND job.queue <= :after ORDER BY job.queue LIMIT 1
    )
    FROM around WHERE around.queue IS NOT NULL
),
picked AS MATERIALIZED (
    SELECT named.queue, found.id, found.state, found.late
    FROM (
        SELECT each.queue FROM unnest(:names) AS each (queue)
        UNION ALL SELECT upward.queue FROM upward WHERE upward.queue ~ :include AND upward.queue !~ :exclude
        UNION ALL SELECT around.queue FROM around WHERE around.queue ~ :include AND around.queue !~ :exclude
    ) AS named
    CROSS JOIN LATERAL (
        SELECT one.id, one.state, one.late FROM generate_series(:first, :last, :step) AS level (priority)
        CROSS JOIN LATERAL (
            SELECT coalesce(max(known.floor), '-infinity') AS floor
            FROM unnest(:floor_queues, :floor_priorities, :floors) AS known (queue, priority, floor)
            WHERE known.queue = named.queue AND known.priority = level.priority
        ) AS begin
        CROSS JOIN LATERAL (
            SELECT
                job.id, job.state,
                job.started_at IS NULL AND job.expires_at <= statement_timestamp() AS late
            FROM stoker.job
            WHERE job.ready AND job.queue = named.queue AND job.priority = level.priority
                AND job.scheduled_at >= begin.floor
            ORDER BY job.scheduled_at, job.id
            LIMIT :limit
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS one
        LIMIT :limit
    ) AS found
    WHERE NOT EXISTS (SELECT FROM stoker.pause WHERE named.queue ~ pause.expression)
    LIMIT :limit
),
started AS (
    UPDATE stoker.job SET
        state = 'running', ready = false, token = :token, worker = :worker, taken_over = false,
        lease_until = statement_timestamp() + make_interval(secs => :lease),
        started_at = statement_timestamp(), attempts = job.attempts + 1
    WHERE id = ANY (ARRAY(SELECT id FROM picked WHERE late IS NOT TRUE))
    RETURNING
        id, seq, type, queue, priority, payload, attempts, max_attempts, crashes, solo_deaths, returns, timeout,
        created_at, scheduled_at, started_at, tags, recurring_id, headers, expires_at, unique_key, unique_scope
),
released AS (
    DELETE FROM stoker.unique_key USING started
    WHERE
        started.unique_scope = 'waiting' AND unique_key.queue = started.queue
        AND unique_key.key = started.unique_key AND unique_key.job = started.seq
),
counted AS (
    INSERT INTO stoker.tally (queue, ready, retrying, running)
    SELECT queue, -count(*) FILTER (WHERE state = 'pending'), -count(*) FILTER (WHERE state = 'retrying'), count(*)
    FROM picked WHERE late IS NOT TRUE
    GROUP BY queue
)
SELECT
    id::text, type, queue, priority, payload, attempts, max_attempts, crashes, solo_deaths, returns, timeout,
    created_at, scheduled_at, started_at, tags, recurring_id, headers, expires_at
FROM started
UNION ALL
SELECT
    id::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM picked WHERE late;
