-- Runs that did not simply succeed; the worker is the job's, unless it is said.
-- takes: jobs int8[], attempts int[], started timestamptz[], ended timestamptz[], workers text[], outcomes text[], errors text[], tracebacks text[], ids uuid[], since timestamptz
INSERT INTO stoker.run (job, attempt, started_at, ended_at, worker, outcome, error, traceback)
SELECT
    given.job, given.attempt, given.started_at, given.ended_at,
    coalesce(
        given.worker,
        (SELECT live.worker FROM stoker.job AS live WHERE live.id = given.id),
        (
            SELECT done.worker FROM stoker.done
            WHERE done.id = given.id AND completed_at >= :since AND done.seq = given.job
        )
    ),
    given.outcome, given.error, given.traceback
FROM unnest(:jobs, :attempts, :started, :ended, :workers, :outcomes, :errors, :tracebacks, :ids)
    AS given (job, attempt, started_at, ended_at, worker, outcome, error, traceback, id);
