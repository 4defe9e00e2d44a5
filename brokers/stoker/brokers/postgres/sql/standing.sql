-- What stands in the records of some jobs, live or ended, to be compared with callers' tokens.
-- takes: ids uuid[], since timestamptz
SELECT id::text, token, settled_token, seq, log_lines, state FROM stoker.job WHERE id = ANY (:ids)
UNION ALL
SELECT id::text, NULL, settled_token, seq, log_lines, state FROM stoker.done
WHERE id = ANY (:ids) AND completed_at >= :since;
