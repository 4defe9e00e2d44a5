-- takes: pattern text
DELETE FROM stoker.pause WHERE pattern = :pattern RETURNING 1;
