-- Give a key back, if this job holds it and not for a fixed time.
-- takes: queue, key, job
DELETE FROM stoker_unique WHERE queue = :queue AND key = :key AND job = :job AND until IS NULL;
