-- One new job, which is ready at once, and of whose id no store can know yet. Answers as enqueue.sql does.
-- takes: id uuid, type text, queue text, priority int, expires float8, timeout float8, max_attempts int, tags text[], headers text, payload text, letter text, ahead bool
WITH put AS (
    INSERT INTO stoker.job (
        id, created_at, scheduled_at, expires_at, timeout, max_attempts, priority, ready, state, queue, type,
        tags, headers, payload
    )
    VALUES (
        :id, statement_timestamp(), statement_timestamp(), statement_timestamp() + make_interval(secs => :expires),
        :timeout, :max_attempts, :priority, true, 'pending', :queue, :type, :tags, :headers, :payload
    )
    ON CONFLICT (id) DO NOTHING
    RETURNING id, queue, ready
),
counted AS (
    INSERT INTO stoker.tally (queue, ready) SELECT queue, 1 FROM put
)
SELECT
    id::text, queue, ready, (SELECT pg_notify('stoker', :letter) WHERE :letter IS NOT NULL)::text,
    (SELECT set_config('synchronous_commit', 'off', true) WHERE :ahead)
FROM put;
