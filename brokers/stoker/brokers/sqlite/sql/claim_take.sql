-- Hand ready jobs (`jobs`: a JSON array of their numbers) to a worker.
-- takes: token, lease_until, worker, started_at, jobs
UPDATE stoker_job SET
    state = 'running', ready = 0, token = :token, lease_until = :lease_until, worker = :worker,
    taken_over = 0, started_at = :started_at, attempts = attempts + 1
WHERE seq IN (SELECT value FROM json_each(:jobs)) AND ready = 1;
