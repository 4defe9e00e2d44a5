-- When the job that has been ready for longest became due: the first of each priority is asked.
-- takes: queue
WITH RECURSIVE level (priority) AS (VALUES (0) UNION ALL SELECT priority + 1 FROM level WHERE priority < 9)
SELECT min((
    SELECT min(scheduled_at) FROM stoker_job INDEXED BY stoker_ready
    WHERE ready = 1 AND queue = :queue AND stoker_job.priority = level.priority
))
FROM level;
