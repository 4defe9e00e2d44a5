-- Waiting jobs of some states, newest first, before a place in the list.
-- takes: states text[], created_at timestamptz, seq int8, since timestamptz, limit int
SELECT found.* FROM unnest(:states) AS wanted (state)
CROSS JOIN LATERAL (
    SELECT created_at, seq, id::text, type, queue, tags, NULL::timestamptz AS completed_at FROM stoker.job
    WHERE
        job.state <> 'running' AND job.state = wanted.state AND created_at >= :since
        AND (created_at, seq) < (:created_at, :seq)
    ORDER BY created_at DESC, seq DESC
    LIMIT :limit
) AS found;
