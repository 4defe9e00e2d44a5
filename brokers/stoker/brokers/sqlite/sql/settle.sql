-- Where a run's job goes next, if the token is still the run's.
-- takes: seq, token, state, ready, attempts, crashes, solo_deaths, returns, begun, delay, now, completed_at, reason, error, result, progress, progress_message
UPDATE stoker_job SET
    state = :state, ready = :ready, token = NULL, lease_until = NULL, settled_token = :token,
    attempts = :attempts, crashes = :crashes, solo_deaths = :solo_deaths, returns = :returns,
    started_at = iif(:completed_at IS NULL AND NOT :begun, NULL, started_at),
    scheduled_at = iif(:completed_at IS NULL, :now + :delay, scheduled_at),
    completed_at = :completed_at, reason = :reason, error = :error, result = :result,
    progress = coalesce(:progress, progress),
    progress_message = coalesce(:progress_message, progress_message)
WHERE seq = :seq AND token = :token;
