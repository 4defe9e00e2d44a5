-- When the job that has been ready for longest became due, of each queue: one look at each priority.
-- takes: queues text[]
SELECT named.queue, (
    SELECT min(first.scheduled_at) FROM generate_series(0, 9) AS level (priority)
    CROSS JOIN LATERAL (
        SELECT job.scheduled_at FROM stoker.job
        WHERE job.ready AND job.queue = named.queue AND job.priority = level.priority
        ORDER BY job.scheduled_at LIMIT 1
    ) AS first
)
FROM unnest(:queues) AS named (queue);
