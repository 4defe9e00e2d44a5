-- An ended job starts over, with its history.
-- takes: seq, now
UPDATE stoker_job SET
    state = 'pending', ready = 1, scheduled_at = :now, started_at = NULL, completed_at = NULL,
    expires_at = NULL, worker = NULL, attempts = 0, crashes = 0, solo_deaths = 0, returns = 0,
    cancel_requested = 0, cancel_reason = NULL, progress = NULL, progress_message = NULL,
    reason = NULL, error = NULL, result = NULL
WHERE seq = :seq AND completed_at IS NOT NULL;
