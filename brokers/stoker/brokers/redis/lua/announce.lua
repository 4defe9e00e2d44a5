-- A worker's row is written, seen now.
-- ARGV, after the three of every script: name, what is kept.
-- Uses: clock. Goes on when full.
redis.call('HSET', prefix .. 'workers', ARGV[4], ARGV[5])
redis.call('ZADD', prefix .. 'seen', at, ARGV[4])
return 1
