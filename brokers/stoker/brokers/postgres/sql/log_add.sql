-- takes: jobs int8[], numbers int[], ats timestamptz[], attempts int[], levels text[], messages text[]
INSERT INTO stoker.log (job, number, at, attempt, level, message)
SELECT * FROM unnest(:jobs, :numbers, :ats, :attempts, :levels, :messages);
