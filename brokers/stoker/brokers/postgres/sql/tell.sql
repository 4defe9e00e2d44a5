-- takes: letters text[]
SELECT pg_notify('stoker', letter) FROM unnest(:letters) AS letter;
