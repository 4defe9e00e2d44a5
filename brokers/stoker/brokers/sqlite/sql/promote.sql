-- Delayed jobs whose time has come.
-- takes: now, limit
UPDATE stoker_job SET ready = 1
WHERE seq IN (
    SELECT seq FROM stoker_job INDEXED BY stoker_delayed
    WHERE ready = 0 AND state IN ('pending', 'retrying') AND scheduled_at <= :now
    ORDER BY scheduled_at
    LIMIT :limit
)
RETURNING queue, state;
