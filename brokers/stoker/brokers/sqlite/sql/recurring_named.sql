-- Recurring jobs of these ids and names (JSON arrays).
-- takes: ids, names
SELECT body FROM stoker_recurring
WHERE id IN (SELECT value FROM json_each(:ids)) OR name IN (SELECT value FROM json_each(:names))
ORDER BY name;
