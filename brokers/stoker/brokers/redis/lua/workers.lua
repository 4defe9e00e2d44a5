-- All workers' rows.
-- ARGV: the three of every script.
-- Returns names with what is kept, names with when they were seen.
-- Uses: clock. Only reads.
return {
  redis.call('HGETALL', prefix .. 'workers'),
  redis.call('ZRANGE', prefix .. 'seen', 0, -1, 'WITHSCORES'),
}
