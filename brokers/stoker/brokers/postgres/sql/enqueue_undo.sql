-- Of jobs that were just put in, those whose ids had ended meanwhile are taken out again; answers them.
-- takes: ids uuid[], since timestamptz
WITH ended AS (
    SELECT done.id FROM stoker.done WHERE done.id = ANY (:ids) AND done.completed_at >= :since
),
gone AS (
    DELETE FROM stoker.job USING ended WHERE job.id = ended.id RETURNING job.id, job.queue, job.ready
),
counted AS (
    INSERT INTO stoker.tally (queue, ready, delayed)
    SELECT queue, -count(*) FILTER (WHERE ready), -count(*) FILTER (WHERE NOT ready) FROM gone GROUP BY queue
)
SELECT id::text FROM gone;
