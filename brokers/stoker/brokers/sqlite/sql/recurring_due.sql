-- Recurring jobs to be looked at, the longest due first.
-- takes: now, limit
SELECT body FROM stoker_recurring INDEXED BY stoker_recurring_due
WHERE due_at <= :now ORDER BY due_at, id LIMIT :limit;
