-- takes: seq, token, lease_until
UPDATE stoker_job SET lease_until = :lease_until WHERE seq = :seq AND token = :token;
