-- News of a run that goes on.
-- takes: seq, token, progress, progress_message
UPDATE stoker_job SET
    progress = coalesce(:progress, progress),
    progress_message = coalesce(:progress_message, progress_message)
WHERE seq = :seq AND token = :token;
