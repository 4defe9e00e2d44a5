-- Every queue's counts, since when the oldest of those that have something to give is ready, the pauses.
-- ARGV: the three of every script.
-- Returns fields "queue name" with their numbers, queues with their oldest, patterns with their pauses.
-- Uses: clock, ready, reading. Only reads.
local oldest = {}
for _, queue in ipairs(redis.call('ZRANGE', prefix .. 'giving', 0, -1)) do
  local first = math.huge
  for priority = 0, 9 do
    local place = queue .. ':' .. priority
    if redis.call('HEXISTS', prefix .. 'waiting', place) == 1 then
      local early = redis.call('ZRANGE', prefix .. 'early:' .. place, 0, 0, 'WITHSCORES')
      local coming = ahead(place, 1)
      if early[2] then first = math.min(first, tonumber(early[2])) end
      if coming[1] then first = math.min(first, tonumber(string.match(coming[1][1], '^%d+'))) end
    end
  end
  oldest[#oldest + 1] = queue
  oldest[#oldest + 1] = first < math.huge and whole(first) or ''
end
return {
  redis.call('HGETALL', prefix .. 'counts'),
  oldest,
  redis.call('HGETALL', prefix .. 'pauses'),
}
