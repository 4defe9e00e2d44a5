-- Seconds until the next delayed job is due.
SELECT extract(epoch FROM scheduled_at - statement_timestamp())::float8 FROM stoker.job
WHERE NOT ready AND state <> 'running' ORDER BY scheduled_at LIMIT 1;
