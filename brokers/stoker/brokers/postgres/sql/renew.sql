-- Prolong claims. A row that somebody has locked is passed over, and counts as held still.
-- takes: ids uuid[], tokens text[], lease float8
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(:ids, :tokens) AS given (id, token)
),
held AS MATERIALIZED (
    SELECT job.id FROM given CROSS JOIN LATERAL (
        SELECT * FROM stoker.job WHERE job.id = given.id AND job.token = given.token
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS job
),
renewed AS (
    UPDATE stoker.job SET lease_until = statement_timestamp() + make_interval(secs => :lease)
    WHERE id = ANY (ARRAY(SELECT id FROM held))
)
SELECT given.id::text, given.token, job.cancel_requested, job.cancel_reason
FROM given CROSS JOIN LATERAL (
    SELECT * FROM stoker.job WHERE job.id = given.id AND job.token = given.token OFFSET 0
) AS job;
