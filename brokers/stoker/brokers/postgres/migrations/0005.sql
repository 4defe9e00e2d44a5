-- stoker.enqueue: jobs from SQL, in whatever transaction is open, for every language. oldest: 1

CREATE FUNCTION stoker.refuse(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', what USING ERRCODE = 'invalid_parameter_value';
END
$$;

-- The unique key of a job whose type is unique by its arguments, or by some of them.
CREATE FUNCTION stoker.key_of(type text, payload jsonb, chosen jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    arguments text := stoker.canonical(CASE
        WHEN chosen IS NULL THEN payload
        ELSE coalesce((SELECT jsonb_object_agg(key, value) FROM jsonb_each(payload) WHERE chosen ? key), '{}')
    END);
BEGIN
    IF length(type) + 1 + length(arguments) <= 200 THEN
        RETURN type || ':' || arguments;
    END IF;
    RETURN type || ':' || encode(stoker.blake2b(convert_to(arguments, 'UTF8'), 20), 'hex');
END
$$;

-- Arguments that the type's schema, where it is published, does not know or misses.
CREATE FUNCTION stoker.check_payload(type text, payload jsonb, schema jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    IF payload IS NULL OR jsonb_typeof(payload) <> 'object' THEN
        PERFORM stoker.refuse(format('%s: the payload must be an object keyed by parameter', type));
    END IF;
    IF octet_length(payload::text) > 262144 THEN
        PERFORM stoker.refuse(format(
            '%s: the payload has %s bytes; at most 262144 are allowed', type, octet_length(payload::text)
        ));
    END IF;
    SELECT value INTO name FROM jsonb_array_elements_text(schema -> 'required') WHERE NOT payload ? value LIMIT 1;
    IF FOUND THEN
        PERFORM stoker.refuse(format('%s: the parameter %L is missing', type, name));
    END IF;
    IF schema -> 'additionalProperties' = 'false' THEN
        SELECT key INTO name FROM jsonb_object_keys(payload) AS key
        WHERE NOT (schema -> 'properties') ? key LIMIT 1;
        IF FOUND THEN
            PERFORM stoker.refuse(format('%s: there is no parameter %L', type, name));
        END IF;
    END IF;
END
$$;

-- Put a job in; answers the id of the job that stands for it. What is not given is as the type was published
-- by a daemon, else as the system has it. `unique` is the key of a job that is to be there once.
CREATE FUNCTION stoker.enqueue(
    type text, payload jsonb DEFAULT '{}', queue text DEFAULT NULL, priority integer DEFAULT NULL,
    delay interval DEFAULT NULL, at timestamptz DEFAULT NULL, expires interval DEFAULT NULL,
    timeout interval DEFAULT NULL, max_attempts integer DEFAULT NULL, tags text[] DEFAULT NULL,
    "unique" text DEFAULT NULL, unique_scope text DEFAULT NULL, on_conflict text DEFAULT NULL,
    headers jsonb DEFAULT NULL, id uuid DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    published constant jsonb := (SELECT about::jsonb FROM stoker.type AS known WHERE known.name = enqueue.type);
    rule constant jsonb := nullif(published -> 'unique', 'null');
    to_queue constant text := coalesce(queue, published ->> 'queue', 'default');
    of_priority constant integer := coalesce(priority, (published ->> 'priority')::integer, 5);
    runs constant integer := coalesce(max_attempts, (published ->> 'max_attempts')::integer, 6);
    waits constant double precision := coalesce(extract(epoch FROM delay), 0);
    lasts constant double precision := coalesce(extract(epoch FROM timeout), (published ->> 'timeout')::float8);
    ends constant double precision := coalesce(extract(epoch FROM expires), (published ->> 'expires')::float8);
    tagged constant text[] := coalesce(tags, ARRAY(
        SELECT tag.value FROM jsonb_array_elements_text(published -> 'tags')
            WITH ORDINALITY AS tag (value, place) ORDER BY place
    ));
    key constant text := coalesce("unique", rule ->> 'key', CASE
        WHEN rule IS NOT NULL THEN stoker.key_of(type, payload, nullif(rule -> 'by', 'null'))
    END);
    scope constant text := coalesce(unique_scope, CASE WHEN "unique" IS NULL THEN rule ->> 'scope' END, 'active');
    otherwise constant text := coalesce(
        on_conflict, CASE WHEN "unique" IS NULL THEN rule ->> 'on_conflict' END, 'existing'
    );
    name constant text := '^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$';
    century constant double precision := 100 * 365.25 * 86400;
    made uuid;
    put record;
BEGIN
    IF type IS NULL OR type !~ name OR to_queue !~ name THEN
        PERFORM stoker.refuse(format(
            'type %L or queue %L is no name: 1 to 128 letters, digits and ''_'', ''.'', '':'', ''-''', type, to_queue
        ));
    ELSIF of_priority NOT BETWEEN 0 AND 9 THEN
        PERFORM stoker.refuse(format('priority must lie between 0 and 9 (higher first), not %s', of_priority));
    ELSIF runs < 1 THEN
        PERFORM stoker.refuse(format('max_attempts counts runs, so it is at least 1, not %s', runs));
    ELSIF delay IS NOT NULL AND at IS NOT NULL THEN
        PERFORM stoker.refuse('give a delay or a time (at), not both');
    ELSIF waits NOT BETWEEN 0 AND century OR ends NOT BETWEEN 0 AND century THEN
        PERFORM stoker.refuse('delay and expires lie between nothing and a hundred years');
    ELSIF at >= timestamptz '2200-01-01 00:00:00+00' THEN
        PERFORM stoker.refuse(format('at => %s lies beyond the year 2200', at));
    ELSIF lasts <= 0 OR lasts > century THEN
        PERFORM stoker.refuse('timeout must be more than nothing and at most a hundred years');
    ELSIF cardinality(tagged) > 20 OR EXISTS (
        SELECT FROM unnest(tagged) AS tag WHERE tag IS NULL OR length(tag) NOT BETWEEN 1 AND 200
    ) THEN
        PERFORM stoker.refuse('a job has at most 20 tags, of 1 to 200 characters each');
    ELSIF length(key) NOT BETWEEN 1 AND 200 THEN
        PERFORM stoker.refuse(format('a unique key has 1 to 200 characters, not %s', length(key)));
    ELSIF otherwise NOT IN ('existing', 'error', 'replace') THEN
        PERFORM stoker.refuse(format('on_conflict is one of existing, error, replace, not %L', otherwise));
    ELSIF scope NOT IN ('active', 'waiting') AND scope !~ '^[0-9]+([.][0-9]+)?$' THEN
        PERFORM stoker.refuse(format('unique_scope is active, waiting or a number of seconds, not %L', scope));
    ELSIF headers IS NOT NULL AND (
        jsonb_typeof(headers) <> 'object' OR length(headers::text) > 16384
        OR EXISTS (SELECT FROM jsonb_each(headers) AS header WHERE jsonb_typeof(header.value) <> 'string')
    ) THEN
        PERFORM stoker.refuse('headers are an object of texts, of 16384 characters at most');
    END IF;
    PERFORM stoker.check_payload(type, payload, nullif(published -> 'schema', 'null'));
    made := coalesce(id, stoker.new_id(to_queue));
    IF id IS NOT NULL AND (substr(id::text, 15, 1) <> '7' OR right(id::text, 2) <> stoker.byte_of(to_queue)) THEN
        PERFORM stoker.refuse(format(
            'id %s does not lead to queue %L: make it with stoker.new_id(%L)', id, to_queue, to_queue
        ));
    END IF;
    SELECT * INTO put FROM stoker.put(
        statement_timestamp(), made, type, to_queue, of_priority, waits, at, ends, lasts, runs,
        nullif(tagged, '{}'), NULL, headers::text, payload::text, key, scope, otherwise
    );
    IF put.verdict = 'conflict' THEN
        RAISE EXCEPTION 'unique key % in queue % is held by job %',
            quote_literal(key), quote_literal(to_queue), put.id
            USING ERRCODE = 'unique_violation';
    ELSIF put.ready THEN
        PERFORM pg_notify('stoker', json_build_object('kind', 'ready', 'queues', json_build_array(to_queue))::text);
    END IF;
    RETURN put.id;
END
$$;
