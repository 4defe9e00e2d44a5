-- Sum the appended counts up into one row for each queue, unless another does it at this moment.
-- takes: most int
WITH mine AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(8031, 1) AS got, (SELECT count(*) FROM stoker.tally) AS rows
),
old AS (
    DELETE FROM stoker.tally WHERE (SELECT got AND rows > :most FROM mine) RETURNING *
)
INSERT INTO stoker.tally
SELECT
    queue, sum(ready), sum(delayed), sum(running), sum(retrying), sum(completed), sum(failed), sum(cancelled),
    sum(skipped), sum(pruned)
FROM old GROUP BY queue;
