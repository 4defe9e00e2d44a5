-- A waiting job gets a newer one's content; its id, its age and its runs stay.
-- takes: seq, state, ready, priority, scheduled_at, expires_at, max_attempts, type, timeout, tags, headers, payload, unique_scope
UPDATE stoker_job SET
    state = :state, ready = :ready, priority = :priority, scheduled_at = :scheduled_at,
    expires_at = :expires_at, max_attempts = :max_attempts, type = :type, timeout = :timeout,
    tags = :tags, headers = :headers, payload = :payload, unique_scope = :unique_scope
WHERE seq = :seq;
