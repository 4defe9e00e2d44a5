-- A job that has just been put in, and is not to run.
-- takes: id, completed_at, reason
UPDATE stoker_job SET state = 'skipped', ready = 0, completed_at = :completed_at, reason = :reason
WHERE id = :id AND state = 'pending';
