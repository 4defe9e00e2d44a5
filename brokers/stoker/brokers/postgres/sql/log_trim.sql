-- Keep jobs' newest lines: those from these numbers on.
-- takes: jobs int8[], firsts int[]
DELETE FROM stoker.log USING unnest(:jobs, :firsts) AS given (job, first)
WHERE log.job = given.job AND log.number < given.first;
