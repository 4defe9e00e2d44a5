-- Queues that fit a pattern hand out no more jobs. Pausing again changes the reason, not since when.
-- ARGV, after the three of every script: pattern, 1 if there is a reason, the reason.
-- Uses: clock, telling. Goes on when full.
local pattern = ARGV[4]
local before = redis.call('HGET', prefix .. 'pauses', pattern)
local since = before and string.match(before, '^%d+') or at
local reason = ARGV[5] == '1' and ' ' .. ARGV[6] or ''
redis.call('HSET', prefix .. 'pauses', pattern, since .. reason)
publish('pause', {})
return 1
