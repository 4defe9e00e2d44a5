-- Partitions of the ended jobs: one for each state and day, made ahead, dropped whole. oldest: 1
-- Both run with their owner's rights, so that a role that may only read and write rows can call them.

CREATE FUNCTION stoker.make_days(days integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made integer := 0;
    state text;
    first timestamptz;
    name text;
    parent text;
    taken boolean;
BEGIN
    -- A day that rows have come for already stays with the rest; so does one that nobody gets a lock for.
    PERFORM set_config('lock_timeout', '500ms', true);
    FOREACH state IN ARRAY ARRAY['completed', 'failed', 'cancelled', 'skipped'] LOOP
        parent := 'done_' || state;
        FOR i IN 0 .. days - 1 LOOP
            first := (date_trunc('day', statement_timestamp() AT TIME ZONE 'UTC') + make_interval(days => i))
                AT TIME ZONE 'UTC';
            name := format('%s_%s', parent, to_char(first AT TIME ZONE 'UTC', 'YYYYMMDD'));
            CONTINUE WHEN to_regclass('stoker.' || name) IS NOT NULL;
            EXECUTE format(
                'SELECT EXISTS (SELECT FROM stoker.%I '
                'WHERE completed_at >= $1 AND completed_at < $1 + interval ''24 hours'')',
                parent || '_rest'
            ) INTO taken USING first;
            CONTINUE WHEN taken;
            BEGIN
                EXECUTE format('CREATE TABLE stoker.%I (LIKE stoker.%I INCLUDING ALL)', name, parent);
                EXECUTE format(
                    'ALTER TABLE stoker.%I ATTACH PARTITION stoker.%I FOR VALUES FROM (%L) TO (%L)',
                    parent, name, first, first + interval '24 hours'
                );
                made := made + 1;
            EXCEPTION WHEN lock_not_available OR duplicate_table OR check_violation THEN
                NULL;
            END;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

-- Drop the days of a state that ended before a time, with what is kept beside their jobs; counts them.
CREATE FUNCTION stoker.drop_days(of_state text, before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parent regclass := ('stoker.done_' || of_state)::regclass;
    day record;
    gone bigint;
    dropped bigint := 0;
BEGIN
    PERFORM set_config('lock_timeout', '500ms', true);
    FOR day IN
        SELECT child.oid::regclass AS name
        FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
        WHERE
            inhparent = parent AND child.relname ~ '_[0-9]{8}$'
            AND to_date(right(child.relname, 8), 'YYYYMMDD')::timestamp AT TIME ZONE 'UTC'
                <= before - interval '24 hours'
        ORDER BY child.relname
    LOOP
        BEGIN
            -- Nobody may take a job back from it meanwhile; whoever settles is held up by the drop alone.
            EXECUTE format('LOCK TABLE %s IN SHARE MODE', day.name);
            EXECUTE format('DELETE FROM stoker.log USING %s AS gone WHERE log.job = gone.seq', day.name);
            EXECUTE format('DELETE FROM stoker.run USING %s AS gone WHERE run.job = gone.seq', day.name);
            EXECUTE format(
                'WITH gone AS (SELECT queue, count(*) AS jobs FROM %s GROUP BY queue), '
                'counted AS (INSERT INTO stoker.tally (queue, %I, pruned) SELECT queue, -jobs, jobs FROM gone) '
                'SELECT coalesce(sum(jobs), 0) FROM gone',
                day.name, of_state
            ) INTO gone;
            EXECUTE format(
                'INSERT INTO stoker.tombstone (id, until) SELECT id, completed_at + interval ''1 hour'' FROM %s '
                'WHERE completed_at + interval ''1 hour'' > $1 '
                'ON CONFLICT (id) DO UPDATE SET until = excluded.until',
                day.name
            ) USING before;
            EXECUTE format('DROP TABLE %s', day.name);
            dropped := dropped + gone;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            EXIT;  -- another round will get it
        END;
    END LOOP;
    RETURN dropped;
END
$$;

REVOKE ALL ON FUNCTION stoker.make_days(integer), stoker.drop_days(text, timestamptz) FROM PUBLIC;

SELECT stoker.make_days(2);
