-- takes: names text[], abouts text[]
INSERT INTO stoker.type (name, about) SELECT * FROM unnest(:names, :abouts)
ON CONFLICT (name) DO UPDATE SET about = excluded.about;
