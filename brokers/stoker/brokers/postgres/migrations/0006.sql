-- Recurring jobs. oldest: 1
-- A row is read and written whole: what else is a column is what the store itself looks for.

CREATE TABLE stoker.recurring (
    id uuid PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    revision bigint NOT NULL,
    due_at timestamptz,
    body text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX recurring_due ON stoker.recurring (due_at, id) WHERE due_at IS NOT NULL;

-- Writes one row if its revision is still the expected one; of 0, if its id and its name are free. Without
-- a body it goes. Says whether it did. Whoever writes the same row at the same time comes before or after.
CREATE FUNCTION stoker.write_recurring(
    of_id uuid, new_name text, expected bigint, new_revision bigint, new_due_at timestamptz, new_body text
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF new_body IS NULL THEN
        DELETE FROM stoker.recurring WHERE id = of_id AND revision = expected;
    ELSIF expected > 0 THEN
        UPDATE stoker.recurring SET revision = new_revision, due_at = new_due_at, body = new_body
        WHERE id = of_id AND revision = expected;
    ELSE
        INSERT INTO stoker.recurring (id, name, revision, due_at, body)
        VALUES (of_id, new_name, new_revision, new_due_at, new_body)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN FOUND;
END
$$;
