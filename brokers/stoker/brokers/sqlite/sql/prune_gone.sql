-- takes: seq
DELETE FROM stoker_job WHERE seq = :seq;
