-- A waiting job gets a newer one's content; its id, its age, its runs and its key stay.
-- takes: seq, state, ready, priority, scheduled_at, expires_at, max_attempts, type, timeout, tags, headers, payload
UPDATE stoker_job SET
    state = :state, ready = :ready, priority = :priority, scheduled_at = :scheduled_at,
    expires_at = :expires_at, max_attempts = :max_attempts, type = :type, timeout = :timeout,
    tags = :tags, headers = :headers, payload = :payload
WHERE seq = :seq;
