-- takes: name text, about text
INSERT INTO stoker.worker (name, seen_at, about) VALUES (:name, statement_timestamp(), :about)
ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at, about = excluded.about;
