-- The next names of queues that have ready jobs: one seek for each, however many jobs there are.
-- takes: after, limit
WITH RECURSIVE named (queue) AS (
    SELECT min(queue) FROM stoker_job INDEXED BY stoker_ready WHERE ready = 1 AND queue > :after
    UNION ALL
    SELECT (
        SELECT min(job.queue) FROM stoker_job AS job INDEXED BY stoker_ready
        WHERE job.ready = 1 AND job.queue > named.queue
    )
    FROM named WHERE named.queue IS NOT NULL
    LIMIT :limit
)
SELECT queue FROM named WHERE queue IS NOT NULL;
