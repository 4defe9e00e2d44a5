-- Whoever ends this job in the next minute is to tell.
-- takes: id uuid
INSERT INTO stoker.awaited (id, until) VALUES (:id, statement_timestamp() + interval '1 minute')
ON CONFLICT (id) DO UPDATE SET until = excluded.until
WHERE awaited.until < statement_timestamp() + interval '30 seconds';
