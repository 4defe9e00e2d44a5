-- What ids and unique keys are made of, as the Python programs make them. oldest: 1

-- Integers of 64 bits that wrap around, which Postgres' own refuse to.
CREATE FUNCTION stoker.add64(a bigint, b bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (
        ((((a >> 32) & 4294967295) + ((b >> 32) & 4294967295)
            + (((a & 4294967295) + (b & 4294967295)) >> 32)) & 4294967295) << 32
    ) | (((a & 4294967295) + (b & 4294967295)) & 4294967295)
$$;

CREATE FUNCTION stoker.rotate64(a bigint, n integer) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ((a >> n) & ((1::bigint << (64 - n)) - 1)) | (a << (64 - n))
$$;

-- BLAKE2b without a key (RFC 7693), of 1 to 64 bytes.
CREATE FUNCTION stoker.blake2b(data bytea, size integer) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    iv constant bigint[] := ARRAY[
        ('x6a09e667f3bcc908')::bit(64)::bigint, ('xbb67ae8584caa73b')::bit(64)::bigint,
        ('x3c6ef372fe94f82b')::bit(64)::bigint, ('xa54ff53a5f1d36f1')::bit(64)::bigint,
        ('x510e527fade682d1')::bit(64)::bigint, ('x9b05688c2b3e6c1f')::bit(64)::bigint,
        ('x1f83d9abfb41bd6b')::bit(64)::bigint, ('x5be0cd19137e2179')::bit(64)::bigint
    ];
    sigma constant integer[] := ARRAY[
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3,
        11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4, 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8,
        9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13, 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9,
        12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11, 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10,
        6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5, 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0
    ];
    columns constant integer[] := ARRAY[
        1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 4, 8, 12, 16, 1, 6, 11, 16, 2, 7, 12, 13, 3, 8, 9, 14, 4, 5, 10, 15
    ];
    h bigint[] := iv;
    v bigint[];
    m bigint[];
    blocks integer := greatest(1, (length(data) + 127) / 128);
    padded bytea := data || decode(repeat('00', blocks * 128 - length(data)), 'hex');
    word bigint;
    a bigint; b bigint; c bigint; d bigint;
    w integer;
    r integer;
    digest bytea := '';
BEGIN
    h[1] := h[1] # (16842752 + size);
    FOR block IN 0 .. blocks - 1 LOOP
        m := '{}';
        FOR i IN 0 .. 15 LOOP
            word := 0;
            FOR j IN REVERSE 7 .. 0 LOOP
                word := (word << 8) | get_byte(padded, block * 128 + i * 8 + j);
            END LOOP;
            m := m || word;
        END LOOP;
        v := h || iv;
        v[13] := v[13] # least(length(data), (block + 1) * 128);
        IF block = blocks - 1 THEN
            v[15] := ~v[15];
        END IF;
        FOR round IN 0 .. 11 LOOP
            FOR g IN 0 .. 7 LOOP
                w := g * 4;
                r := (round % 10) * 16 + g * 2;
                a := v[columns[w + 1]]; b := v[columns[w + 2]]; c := v[columns[w + 3]]; d := v[columns[w + 4]];
                a := stoker.add64(stoker.add64(a, b), m[sigma[r + 1] + 1]);
                d := stoker.rotate64(d # a, 32);
                c := stoker.add64(c, d);
                b := stoker.rotate64(b # c, 24);
                a := stoker.add64(stoker.add64(a, b), m[sigma[r + 2] + 1]);
                d := stoker.rotate64(d # a, 16);
                c := stoker.add64(c, d);
                b := stoker.rotate64(b # c, 63);
                v[columns[w + 1]] := a; v[columns[w + 2]] := b; v[columns[w + 3]] := c; v[columns[w + 4]] := d;
            END LOOP;
        END LOOP;
        FOR i IN 1 .. 8 LOOP
            h[i] := h[i] # v[i] # v[i + 8];
        END LOOP;
    END LOOP;
    FOR i IN 0 .. size - 1 LOOP
        digest := digest || decode(lpad(to_hex((h[i / 8 + 1] >> (8 * (i % 8))) & 255), 2, '0'), 'hex');
    END LOOP;
    RETURN digest;
END
$$;

-- What daemons have told of their types' queues, because a digest takes its time here.
CREATE TABLE stoker.queue_byte (
    queue text COLLATE "C" PRIMARY KEY,
    byte text NOT NULL
);

INSERT INTO stoker.queue_byte (queue, byte) VALUES ('default', '69');

-- The last two digits of the ids of this queue's jobs.
CREATE FUNCTION stoker.byte_of(of_queue text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT byte FROM stoker.queue_byte WHERE queue = of_queue),
        encode(stoker.blake2b(of_queue::bytea, 1), 'hex')
    )
$$;

-- A new id (UUIDv7) for a job of this queue.
CREATE FUNCTION stoker.new_id(queue text) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT (
        lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
        || substr(random, 14, 3) || substr(random, 17, 14) || stoker.byte_of(queue)
    )::uuid
    FROM (SELECT replace(gen_random_uuid()::text, '-', '') AS random) AS made
$$;

-- JSON in one form only: no spaces, keys in order.
CREATE FUNCTION stoker.canonical(value jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN CASE jsonb_typeof(value)
        WHEN 'object' THEN '{' || coalesce((
            SELECT string_agg(
                to_json(item.key)::text || ':' || stoker.canonical(item.value), ',' ORDER BY item.key COLLATE "C"
            )
            FROM jsonb_each(value) AS item
        ), '') || '}'
        WHEN 'array' THEN '[' || coalesce((
            SELECT string_agg(stoker.canonical(item.value), ',' ORDER BY item.place)
            FROM jsonb_array_elements(value) WITH ORDINALITY AS item (value, place)
        ), '') || ']'
        ELSE value::text
    END;
END
$$;
