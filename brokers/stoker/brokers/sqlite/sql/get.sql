-- Jobs as their observers see them.
-- takes: ids
SELECT
    seq, id, type, queue, priority, state, reason,
    coalesce(payload, (SELECT body FROM stoker_large WHERE job = seq AND kind = 'payload')), attempts, max_attempts, crashes, timeout,
    created_at, scheduled_at, started_at, completed_at, expires_at, progress, progress_message,
    coalesce(result, (SELECT body FROM stoker_large WHERE job = seq AND kind = 'result')),
    error, tags, unique_key, recurring_id, cancel_requested, worker
FROM stoker_job WHERE id IN (SELECT value FROM json_each(:ids));
