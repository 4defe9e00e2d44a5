-- What stands in the records of some jobs (`ids`: a JSON array), to be compared with callers' tokens.
-- takes: ids
SELECT
    id, token, settled_token, seq, queue, unique_key, cancel_requested, cancel_reason, log_lines
FROM stoker_job WHERE id IN (SELECT value FROM json_each(:ids));
