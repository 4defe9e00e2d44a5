-- Recurring jobs to be looked at, the longest due first: one more than asked for, and without a body the
-- first of those that are not due yet. With the time, also when there are none.
-- takes: limit int
SELECT statement_timestamp(), first.due_at, first.body
FROM (SELECT) AS one LEFT JOIN (
    (
        SELECT due_at, id, body FROM stoker.recurring
        WHERE due_at <= statement_timestamp()
        ORDER BY due_at, id LIMIT :limit + 1
    )
    UNION ALL
    (
        SELECT due_at, id, NULL FROM stoker.recurring
        WHERE due_at > statement_timestamp()
        ORDER BY due_at, id LIMIT 1
    )
) AS first ON true
ORDER BY first.due_at, first.id;
