-- An ended job takes its unique key again, if nobody has it. Answers who has it now.
-- takes: id uuid
WITH old AS (
    SELECT * FROM stoker.done WHERE id = :id
),
taken AS (
    INSERT INTO stoker.unique_key (queue, key, job, id, until)
    SELECT
        queue, unique_key, seq, id,
        CASE
            WHEN unique_scope IN ('active', 'waiting') THEN NULL
            ELSE created_at + make_interval(secs => unique_scope::float8)
        END
    FROM old
    ON CONFLICT (queue, key) DO UPDATE SET job = excluded.job, id = excluded.id, until = excluded.until
    WHERE unique_key.until <= statement_timestamp()
    RETURNING id::text
)
SELECT id FROM taken
UNION ALL
SELECT unique_key.id::text
FROM stoker.unique_key JOIN old ON unique_key.queue = old.queue AND unique_key.key = old.unique_key
WHERE NOT EXISTS (SELECT FROM taken);
