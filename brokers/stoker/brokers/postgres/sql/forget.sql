-- What needs to be remembered no longer: ids, keys held for a time, who waited, workers not seen for a day.
WITH ids AS (
    DELETE FROM stoker.tombstone WHERE until <= statement_timestamp()
),
keys AS (
    DELETE FROM stoker.unique_key WHERE until <= statement_timestamp()
),
waits AS (
    DELETE FROM stoker.awaited WHERE until <= statement_timestamp()
)
DELETE FROM stoker.worker WHERE seen_at < statement_timestamp() - interval '1 day';
