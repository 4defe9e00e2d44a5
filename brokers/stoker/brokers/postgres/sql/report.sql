-- News of runs that go on. What somebody has locked gets no progress, and its lines uncounted.
-- takes: ids uuid[], tokens text[], progress float8[], messages text[], lines int[], dropped int[], keep int
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(:ids, :tokens, :progress, :messages, :lines, :dropped)
        AS given (id, token, progress, message, lines, dropped)
),
held AS MATERIALIZED (
    SELECT job.id, given.progress, given.message, given.lines, given.dropped
    FROM given CROSS JOIN LATERAL (
        SELECT * FROM stoker.job WHERE job.id = given.id AND job.token = given.token
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS job
),
kept AS (
    UPDATE stoker.job SET
        progress = coalesce(held.progress, job.progress),
        progress_message = coalesce(held.message, job.progress_message),
        log_lines = job.log_lines + held.lines,
        dropped_logs = job.dropped_logs + held.dropped
            + greatest(0, job.log_lines + held.lines - :keep) - greatest(0, job.log_lines - :keep)
    FROM held WHERE job.id = held.id AND job.id = ANY (ARRAY(SELECT id FROM held))
)
SELECT given.id::text, given.token, job.seq, job.log_lines
FROM given CROSS JOIN LATERAL (
    SELECT * FROM stoker.job WHERE job.id = given.id AND job.token = given.token OFFSET 0
) AS job;
