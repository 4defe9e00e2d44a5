-- takes: names text[], abouts text[], queues text[], bytes text[]
WITH queue AS (
    INSERT INTO stoker.queue_byte (queue, byte) SELECT * FROM unnest(:queues, :bytes)
    ON CONFLICT (queue) DO NOTHING
)
INSERT INTO stoker.type (name, about) SELECT * FROM unnest(:names, :abouts)
ON CONFLICT (name) DO UPDATE SET about = excluded.about;
