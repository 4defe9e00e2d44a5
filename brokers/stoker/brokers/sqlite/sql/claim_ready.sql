-- The next ready jobs of one queue.
-- takes: queue, limit
SELECT
    seq, state, started_at, unique_key, unique_scope, id, type, queue, priority,
    coalesce(payload, (SELECT body FROM stoker_large WHERE job = seq AND kind = 'payload')),
    attempts, max_attempts, crashes, solo_deaths, returns, timeout, created_at, scheduled_at,
    tags, recurring_id, headers, expires_at
FROM stoker_job INDEXED BY stoker_ready
WHERE ready = 1 AND queue = :queue
ORDER BY priority DESC, scheduled_at, id
LIMIT :limit;
