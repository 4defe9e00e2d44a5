-- New jobs; one whose id is known, or was until an hour ago, changes nothing. Answers the new ones;
-- and if there are any, whoever listens gets the letter. `ahead`: they are seen before they are on the disk,
-- which is waited for by flush.sql.
-- takes: ids uuid[], types text[], queues text[], priorities int[], delays float8[], ats timestamptz[], expires float8[], timeouts float8[], max_attempts int[], tags text[], recurring text[], headers text[], payloads text[], since timestamptz, letter text, ahead bool
WITH given AS MATERIALIZED (
    SELECT
        given.*,
        coalesce(given.at, statement_timestamp() + make_interval(secs => given.delay)) AS due
    FROM unnest(
        :ids, :types, :queues, :priorities, :delays, :ats, :expires, :timeouts, :max_attempts, :tags, :recurring,
        :headers, :payloads
    ) AS given (
        id, type, queue, priority, delay, at, expires, timeout, max_attempts, tags, recurring_id, headers, payload
    )
    WHERE
        NOT EXISTS (SELECT FROM stoker.done WHERE done.id = given.id AND done.completed_at >= :since)
        AND NOT EXISTS (
            SELECT FROM stoker.tombstone WHERE tombstone.id = given.id AND until > statement_timestamp()
        )
),
put AS (
    INSERT INTO stoker.job (
        id, created_at, scheduled_at, expires_at, timeout, max_attempts, priority, ready, state, queue, type,
        recurring_id, tags, headers, payload
    )
    SELECT
        id, statement_timestamp(), due, statement_timestamp() + make_interval(secs => expires), timeout,
        max_attempts, priority, due <= statement_timestamp(), 'pending', queue, type, recurring_id,
        tags::text[], headers, payload
    FROM given
    ON CONFLICT (id) DO NOTHING
    RETURNING id, queue, ready
),
counted AS (
    INSERT INTO stoker.tally (queue, ready, delayed)
    SELECT queue, count(*) FILTER (WHERE ready), count(*) FILTER (WHERE NOT ready) FROM put GROUP BY queue
)
SELECT
    id::text, queue, ready, (SELECT pg_notify('stoker', :letter) WHERE :letter IS NOT NULL)::text,
    (SELECT set_config('synchronous_commit', 'off', true) WHERE :ahead)
FROM put;
