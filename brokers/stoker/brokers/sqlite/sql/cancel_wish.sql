-- takes: seq, reason
UPDATE stoker_job SET cancel_requested = 1, cancel_reason = coalesce(cancel_reason, :reason)
WHERE seq = :seq AND state = 'running';
