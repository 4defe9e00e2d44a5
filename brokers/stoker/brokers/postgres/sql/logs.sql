-- takes: job int8
SELECT at, message, level, attempt FROM stoker.log WHERE job = :job ORDER BY number;
