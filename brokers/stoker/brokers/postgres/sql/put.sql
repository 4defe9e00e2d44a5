-- One job after the other, for those with unique keys: each sees what the ones before it have done.
-- takes: ids uuid[], types text[], queues text[], priorities int[], delays float8[], ats timestamptz[], expires float8[], timeouts float8[], max_attempts int[], tags text[], recurring text[], headers text[], payloads text[], keys text[], scopes text[], conflicts text[]
SELECT put.id::text, put.verdict, given.queue, put.ready
FROM unnest(
    :ids, :types, :queues, :priorities, :delays, :ats, :expires, :timeouts, :max_attempts, :tags, :recurring,
    :headers, :payloads, :keys, :scopes, :conflicts
) WITH ORDINALITY AS given (
    id, type, queue, priority, delay, at, expires, timeout, max_attempts, tags, recurring_id, headers, payload,
    key, scope, on_conflict, place
)
CROSS JOIN LATERAL stoker.put(
    statement_timestamp(), given.id, given.type, given.queue, given.priority, given.delay, given.at,
    given.expires, given.timeout, given.max_attempts, given.tags::text[], given.recurring_id, given.headers,
    given.payload, given.key, given.scope, given.on_conflict
) AS put
ORDER BY given.place;
