-- The worker's name stays, for the history; what is not its any more is marked.
-- takes: seq, token, lease_until
UPDATE stoker_job SET token = :token, lease_until = :lease_until, taken_over = 1 WHERE seq = :seq;
