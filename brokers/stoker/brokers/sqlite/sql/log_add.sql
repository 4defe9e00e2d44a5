-- takes: job, number, at, level, attempt, message
INSERT INTO stoker_log (job, number, at, level, attempt, message)
VALUES (:job, :number, :at, :level, :attempt, :message);
