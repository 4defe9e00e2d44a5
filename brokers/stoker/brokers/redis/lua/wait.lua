-- Somebody waits for a job: its end is to be told.
-- ARGV, after the three of every script: id, and the microseconds that this is remembered for.
-- Returns its fields, as get.lua does.
-- Uses: clock, record. Goes on when full.
local id = ARGV[4]
local job = record_of(id)
if job[5] and not job[12] then redis.call('ZADD', prefix .. 'waited', whole(now + ARGV[5]), id) end
return job
