-- Prolong claims. A row that somebody has locked is passed over, and counts as held still.
-- takes: ids uuid[], tokens text[], lease float8
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(:ids, :tokens) AS given (id, token)
),
held AS MATERIALIZED (
    SELECT job.id FROM given JOIN stoker.job ON job.id = given.id AND job.token = given.token
    ORDER BY job.id
    FOR NO KEY UPDATE OF job SKIP LOCKED
),
renewed AS (
    UPDATE stoker.job SET lease_until = statement_timestamp() + make_interval(secs => :lease)
    FROM held WHERE job.id = held.id
)
SELECT given.id::text, given.token, job.cancel_requested, job.cancel_reason
FROM given JOIN stoker.job ON job.id = given.id AND job.token = given.token;
