-- takes: seq, token, lease_until
UPDATE stoker_job SET token = :token, lease_until = :lease_until WHERE seq = :seq;
