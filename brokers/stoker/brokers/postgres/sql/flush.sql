-- Its end waits until all that was committed before it, by whomever, is as durable as the server makes it.
SELECT pg_logical_emit_message(true, 'stoker', '')::text;
