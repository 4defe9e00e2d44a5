-- takes: queue, key, job, id, until
INSERT INTO stoker_unique (queue, key, job, id, until) VALUES (:queue, :key, :job, :id, :until)
ON CONFLICT (queue, key) DO UPDATE SET job = excluded.job, id = excluded.id, until = excluded.until;
