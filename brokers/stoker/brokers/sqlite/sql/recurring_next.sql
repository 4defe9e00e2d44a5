-- When recurring jobs will be due, the first after so many.
-- takes: behind
SELECT due_at FROM stoker_recurring INDEXED BY stoker_recurring_due
WHERE due_at IS NOT NULL ORDER BY due_at, id LIMIT 1 OFFSET :behind;
