-- takes: pattern text, expression text, reason text
INSERT INTO stoker.pause (pattern, expression, reason, since)
VALUES (:pattern, :expression, :reason, statement_timestamp())
ON CONFLICT (pattern) DO UPDATE SET reason = excluded.reason;
