-- takes: seq, lines, dropped
UPDATE stoker_job SET log_lines = log_lines + :lines, dropped_logs = dropped_logs + :dropped
WHERE seq = :seq;
