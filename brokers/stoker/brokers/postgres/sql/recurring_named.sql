-- Recurring jobs of these ids or names, by name. With the time, also when there are none.
-- takes: ids uuid[], names text[]
SELECT statement_timestamp(), recurring.body
FROM (SELECT) AS one LEFT JOIN (
    SELECT id FROM stoker.recurring WHERE id = ANY (:ids)
    UNION
    SELECT id FROM stoker.recurring WHERE name = ANY (:names)
) AS found ON true LEFT JOIN stoker.recurring ON recurring.id = found.id
ORDER BY recurring.name;
