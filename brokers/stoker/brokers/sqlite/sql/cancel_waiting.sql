-- takes: seq, now, reason
UPDATE stoker_job SET
    state = 'cancelled', ready = 0, completed_at = :now, reason = :reason, cancel_requested = 1,
    cancel_reason = :reason
WHERE seq = :seq AND state IN ('pending', 'retrying');
