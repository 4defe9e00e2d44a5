-- Consumers that have not been heard of for long go, wherever they hold nothing, some streams at a time.
-- ARGV, after the three of every script: the cursor, and the milliseconds to be idle for.
-- Returns the next cursor, 0 at the end.
-- Uses: clock, ready, consumers. Goes on when full.
local STREAMS = 20
local found = redis.call('HSCAN', prefix .. 'tails', ARGV[4], 'COUNT', STREAMS)
for number = 1, #found[2], 2 do
  remove_idle(found[2][number], function(_, idle) return idle > tonumber(ARGV[5]) end)
end
return found[1]
