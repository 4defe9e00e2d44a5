-- A recurring job as it stands from now on, if nobody has changed it meanwhile.
-- takes: id, expected, revision, due_at, body
UPDATE stoker_recurring SET revision = :revision, due_at = :due_at, body = :body
WHERE id = :id AND revision = :expected;
