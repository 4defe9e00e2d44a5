SELECT min(scheduled_at) FROM stoker_job INDEXED BY stoker_delayed
WHERE ready = 0 AND state IN ('pending', 'retrying');
