-- Wait for these jobs' rows, in the order in which everybody takes them.
-- takes: ids uuid[]
SELECT count(*) FROM (
    SELECT id FROM stoker.job WHERE id = ANY (:ids) ORDER BY id FOR UPDATE
) AS held;
