-- Ended jobs that are to start over, held until it is decided.
-- takes: ids uuid[]
SELECT id::text, unique_key FROM stoker.done WHERE id = ANY (:ids) ORDER BY id FOR UPDATE;
