-- takes: id
SELECT seq, dropped_logs, returns, solo_deaths, ready, scheduled_at FROM stoker_job WHERE id = :id;
