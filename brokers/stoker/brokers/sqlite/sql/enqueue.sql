-- A new job; one whose id is known changes nothing.
-- takes: id, queue, ready, priority, created_at, scheduled_at, expires_at, max_attempts, type, timeout, tags, unique_key, unique_scope, recurring_id, headers, payload
INSERT INTO stoker_job (
    id, queue, state, ready, priority, created_at, scheduled_at, expires_at, max_attempts, type,
    timeout, tags, unique_key, unique_scope, recurring_id, headers, payload
) VALUES (
    :id, :queue, 'pending', :ready, :priority, :created_at, :scheduled_at, :expires_at, :max_attempts,
    :type, :timeout, :tags, :unique_key, :unique_scope, :recurring_id, :headers, :payload
) ON CONFLICT (id) DO NOTHING;
