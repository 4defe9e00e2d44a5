-- Recurring jobs by name, from the one after `cursor` on. With the time, also when there are none.
-- takes: cursor text, limit int
SELECT statement_timestamp(), page.body
FROM (SELECT) AS one LEFT JOIN (
    SELECT name, body FROM stoker.recurring WHERE name > :cursor ORDER BY name LIMIT :limit
) AS page ON true
ORDER BY page.name;
