-- A waiting job that has expired.
-- takes: completed_at, seq
UPDATE stoker_job SET
    state = 'skipped', ready = 0, completed_at = :completed_at, reason = 'expired'
WHERE seq = :seq AND state IN ('pending', 'retrying');
