-- What is kept with a job and only its detail shows.
-- takes: id uuid
SELECT
    seq, dropped_logs, returns, solo_deaths,
    ready OR (state <> 'running' AND scheduled_at <= statement_timestamp())
FROM stoker.job WHERE id = :id
UNION ALL
SELECT seq, dropped_logs, returns, solo_deaths, false FROM stoker.done WHERE id = :id;
