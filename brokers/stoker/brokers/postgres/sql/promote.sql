-- Delayed jobs whose time has come are ready.
-- takes: limit int
WITH due AS MATERIALIZED (
    SELECT id FROM stoker.job
    WHERE NOT ready AND state <> 'running' AND scheduled_at <= statement_timestamp()
    ORDER BY scheduled_at
    LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
),
promoted AS (
    UPDATE stoker.job SET ready = true WHERE id = ANY (ARRAY(SELECT id FROM due)) RETURNING queue, state
),
counted AS (
    INSERT INTO stoker.tally (queue, delayed, ready)
    SELECT queue, -count(*), count(*) FROM promoted WHERE state = 'pending' GROUP BY queue
)
SELECT queue, count(*) FROM promoted GROUP BY queue;
