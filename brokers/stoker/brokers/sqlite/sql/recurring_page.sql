-- Recurring jobs by name, from the one after `cursor` on.
-- takes: cursor, limit
SELECT body FROM stoker_recurring WHERE name > :cursor ORDER BY name LIMIT :limit;
