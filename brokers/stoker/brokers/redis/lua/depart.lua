-- A worker's row goes, and its consumers wherever they hold nothing any more.
-- ARGV, after the three of every script: name.
-- Uses: clock, ready, consumers. Goes on when full.
local name = ARGV[4]
redis.call('HDEL', prefix .. 'workers', name)
redis.call('ZREM', prefix .. 'seen', name)
for _, place in ipairs(redis.call('HKEYS', prefix .. 'tails')) do
  remove_idle(place, function(consumer) return consumer == name end)
end
return 1
