-- takes: job
SELECT at, message, level, attempt FROM stoker_log WHERE job = :job ORDER BY number;
