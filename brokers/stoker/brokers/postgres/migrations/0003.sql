-- One job goes in: for jobs with unique keys, and for stoker.enqueue. oldest: 1

-- Answers the job that stands, whether it is ready now, and why: new, known (by its id), existing (who
-- holds the key), replaced (so, with the new one's content) or conflict (so, and nothing was written).
CREATE FUNCTION stoker.put(
    moment timestamptz, new_id uuid, type text, in_queue text, priority integer, delay double precision,
    at timestamptz, expires double precision, timeout double precision, max_attempts integer, tags text[],
    recurring_id text, headers text, payload text, new_key text, scope text, on_conflict text,
    OUT id uuid, OUT verdict text, OUT ready boolean
)
LANGUAGE plpgsql AS $$
DECLARE
    due timestamptz := coalesce(at, moment + make_interval(secs => delay));
    ends timestamptz := moment + make_interval(secs => expires);
    number bigint;
    was record;
BEGIN
    id := new_id;
    ready := false;
    IF EXISTS (SELECT FROM stoker.job WHERE job.id = new_id)
        OR EXISTS (SELECT FROM stoker.done WHERE done.id = new_id)
        OR EXISTS (SELECT FROM stoker.tombstone WHERE tombstone.id = new_id AND until > moment)
    THEN
        verdict := 'known';
        RETURN;
    END IF;
    number := nextval('stoker.job_seq_seq');
    WHILE new_key IS NOT NULL LOOP
        INSERT INTO stoker.unique_key (queue, key, job, id, until) VALUES (
            in_queue, new_key, number, new_id,
            CASE WHEN scope IN ('active', 'waiting') THEN NULL
            ELSE moment + make_interval(secs => scope::double precision) END
        ) ON CONFLICT (queue, key) DO UPDATE
        SET job = excluded.job, id = excluded.id, until = excluded.until
        WHERE unique_key.until <= moment;
        EXIT WHEN FOUND;
        SELECT unique_key.id INTO id FROM stoker.unique_key WHERE queue = in_queue AND key = new_key;
        CONTINUE WHEN id IS NULL;  -- it was given back at this moment
        verdict := CASE on_conflict WHEN 'error' THEN 'conflict' ELSE 'existing' END;
        IF on_conflict = 'replace' THEN
            SELECT job.state, job.ready INTO was FROM stoker.job
            WHERE job.id = put.id AND job.state <> 'running' FOR NO KEY UPDATE;
            IF FOUND THEN  -- else it runs, or has ended: what it was given stays
                ready := due <= moment;
                verdict := 'replaced';
                UPDATE stoker.job SET
                    ready = put.ready, priority = put.priority, scheduled_at = due, expires_at = ends,
                    max_attempts = put.max_attempts, type = put.type, timeout = put.timeout,
                    tags = put.tags, headers = put.headers, payload = put.payload
                WHERE job.id = put.id;
                IF was.state = 'pending' AND was.ready <> ready THEN
                    INSERT INTO stoker.tally (queue, ready, delayed)
                    VALUES (in_queue, ready::integer - was.ready::integer, was.ready::integer - ready::integer);
                END IF;
            END IF;
        END IF;
        RETURN;
    END LOOP;
    id := new_id;
    ready := due <= moment;
    verdict := 'new';
    INSERT INTO stoker.job (
        id, seq, created_at, scheduled_at, expires_at, timeout, max_attempts, priority, ready, state, queue,
        type, unique_key, unique_scope, recurring_id, tags, headers, payload
    ) VALUES (
        new_id, number, moment, due, ends, timeout, max_attempts, priority, ready, 'pending', in_queue, type,
        new_key, CASE WHEN new_key IS NOT NULL THEN scope END, recurring_id, tags, headers, payload
    ) ON CONFLICT ON CONSTRAINT job_pkey DO NOTHING;
    -- The first look may have been too early: a job of this id may have ended while we waited for it.
    IF NOT FOUND OR EXISTS (SELECT FROM stoker.done WHERE done.id = new_id) THEN
        DELETE FROM stoker.job WHERE job.id = new_id AND job.seq = number;
        DELETE FROM stoker.unique_key WHERE queue = in_queue AND key = new_key AND job = number;
        ready := false;
        verdict := 'known';
        RETURN;
    END IF;
    INSERT INTO stoker.tally (queue, ready, delayed)
    VALUES (in_queue, ready::integer, 1 - ready::integer);
END
$$;
