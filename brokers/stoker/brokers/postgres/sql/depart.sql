-- takes: name text
DELETE FROM stoker.worker WHERE name = :name;
