-- takes: job
SELECT attempt, started_at, ended_at, worker, outcome, error, traceback
FROM stoker_run WHERE job = :job ORDER BY number;
