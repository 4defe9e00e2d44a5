-- A new recurring job, if its id and its name are free.
-- takes: id, name, revision, due_at, body
INSERT INTO stoker_recurring (id, name, revision, due_at, body)
VALUES (:id, :name, :revision, :due_at, :body) ON CONFLICT DO NOTHING;
