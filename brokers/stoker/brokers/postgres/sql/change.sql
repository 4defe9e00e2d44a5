-- Rows of recurring jobs, one after the other: each sees what the ones before it have done. Answers for each
-- whether it was written. One without a body is to go.
-- takes: ids uuid[], names text[], expected bigint[], revisions bigint[], dues timestamptz[], bodies text[]
SELECT stoker.write_recurring(given.id, given.name, given.expected, given.revision, given.due_at, given.body)
FROM unnest(:ids, :names, :expected, :revisions, :dues, :bodies)
    WITH ORDINALITY AS given (id, name, expected, revision, due_at, body, place)
ORDER BY given.place;
