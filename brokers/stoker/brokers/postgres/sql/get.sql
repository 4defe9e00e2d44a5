-- Jobs as their observers see them. Of the ended ones, those that ended at or after `since`.
-- takes: ids uuid[], since timestamptz
SELECT
    id::text, type, queue, priority, state, reason, payload, attempts, max_attempts, crashes, timeout,
    created_at, scheduled_at, started_at, NULL::timestamptz, expires_at, progress, progress_message, NULL::text,
    error, tags, unique_key, recurring_id, cancel_requested, worker
FROM stoker.job WHERE id = ANY (:ids)
UNION ALL
SELECT
    id::text, type, queue, priority, state, reason, payload, attempts, max_attempts, crashes, timeout,
    created_at, scheduled_at, started_at, completed_at, expires_at, progress, progress_message, result,
    error, tags, unique_key, recurring_id, cancel_requested, worker
FROM stoker.done WHERE id = ANY (:ids) AND completed_at >= :since;
