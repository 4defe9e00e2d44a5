-- A run that did not simply succeed; its worker is the job's, unless it is said.
-- takes: job, attempt, started_at, ended_at, worker, outcome, error, traceback
INSERT INTO stoker_run (job, number, attempt, started_at, ended_at, worker, outcome, error, traceback)
SELECT
    :job, coalesce((SELECT max(number) FROM stoker_run WHERE job = :job), 0) + 1, :attempt, :started_at,
    :ended_at, coalesce(:worker, worker), :outcome, :error, :traceback
FROM stoker_job WHERE seq = :job;
