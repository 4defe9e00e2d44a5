-- takes: job int8
SELECT attempt, started_at, ended_at, worker, outcome, error, traceback
FROM stoker.run WHERE job = :job ORDER BY number;
