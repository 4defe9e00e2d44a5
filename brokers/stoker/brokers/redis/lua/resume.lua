-- The pause of exactly this pattern ends.
-- ARGV, after the three of every script: pattern.
-- Returns 1 if there was one.
-- Uses: clock, telling. Goes on when full.
local was_there = redis.call('HDEL', prefix .. 'pauses', ARGV[4])
if was_there == 1 then publish('pause', {}) end
return was_there
