-- Keep a job's newest lines.
-- takes: job, first
DELETE FROM stoker_log WHERE job = :job AND number < :first;
