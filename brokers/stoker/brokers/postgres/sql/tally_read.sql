SELECT
    queue, sum(ready)::int8, sum(delayed)::int8, sum(running)::int8, sum(retrying)::int8, sum(completed)::int8,
    sum(failed)::int8, sum(cancelled)::int8, sum(skipped)::int8, sum(pruned)::int8
FROM stoker.tally GROUP BY queue ORDER BY queue;
