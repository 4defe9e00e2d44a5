-- Runs whose lease had ended when this was asked, the first to end before the others.
-- takes: asked, limit
SELECT
    seq, cancel_requested, cancel_reason, started_at, id, type, queue, priority,
    coalesce(payload, (SELECT body FROM stoker_large WHERE job = seq AND kind = 'payload')),
    attempts, max_attempts, crashes, solo_deaths, returns, timeout, created_at, scheduled_at,
    tags, recurring_id, headers, expires_at
FROM stoker_job INDEXED BY stoker_leased
WHERE state = 'running' AND lease_until <= :asked
ORDER BY lease_until
LIMIT :limit;
