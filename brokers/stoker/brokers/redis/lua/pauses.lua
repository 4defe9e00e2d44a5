-- All pauses.
-- ARGV: the three of every script.
-- Returns patterns, each with since when and, after a space, the reason if there is one.
-- Uses: clock. Only reads.
return redis.call('HGETALL', prefix .. 'pauses')
