-- The oldest ended jobs of one state go while there are more than `keep`, with all that is beside them.
-- takes: state text, keep int8, limit int
WITH counts AS MATERIALIZED (
    SELECT CASE :state
        WHEN 'completed' THEN sum(completed) WHEN 'failed' THEN sum(failed)
        WHEN 'cancelled' THEN sum(cancelled) ELSE sum(skipped)
    END AS kept
    FROM stoker.tally
),
old AS MATERIALIZED (
    SELECT id, seq, completed_at FROM stoker.done
    WHERE state = :state
    ORDER BY completed_at, seq
    LIMIT (SELECT least(greatest(0, kept - :keep), :limit) FROM counts)
    FOR UPDATE SKIP LOCKED
),
gone AS (
    DELETE FROM stoker.done USING old
    WHERE
        done.state = :state AND done.id = ANY (ARRAY(SELECT id FROM old)) AND done.id = old.id AND done.seq = old.seq AND done.completed_at = old.completed_at
    RETURNING done.id, done.seq, done.queue, done.state, done.completed_at, done.unique_key
),
logs AS (
    DELETE FROM stoker.log WHERE job = ANY (ARRAY(SELECT seq FROM gone))
),
runs AS (
    DELETE FROM stoker.run WHERE job = ANY (ARRAY(SELECT seq FROM gone))
),
remembered AS (
    INSERT INTO stoker.tombstone (id, until)
    SELECT id, completed_at + interval '1 hour' FROM gone
    WHERE completed_at + interval '1 hour' > statement_timestamp()
    ON CONFLICT (id) DO UPDATE SET until = excluded.until
),
counted AS (
    INSERT INTO stoker.tally (queue, completed, failed, cancelled, skipped, pruned)
    SELECT
        queue, -count(*) FILTER (WHERE state = 'completed'), -count(*) FILTER (WHERE state = 'failed'),
        -count(*) FILTER (WHERE state = 'cancelled'), -count(*) FILTER (WHERE state = 'skipped'), count(*)
    FROM gone GROUP BY queue
)
SELECT count(*) FROM gone;
