-- What is due becomes ready; what has expired before it ever ran is skipped.
-- ARGV, after the three of every script: the most jobs of either kind.
-- Returns the names of queues with new ready jobs, how many were promoted, how many have expired, and
-- the microseconds until the next is due ('' if there is none).
-- Uses: clock, telling, counting, ready, unique, ending. Goes on when full.
local limit = ARGV[4]
local expired = redis.call('ZRANGEBYSCORE', prefix .. 'expiring', '-inf', at, 'LIMIT', 0, limit)
for _, id in ipairs(expired) do end_waiting(id, standing(id), 'skipped', 'expired') end

local due = redis.call('ZRANGEBYSCORE', prefix .. 'due', '-inf', at, 'LIMIT', 0, limit, 'WITHSCORES')
for number = 1, #due, 2 do
  local id, scheduled = due[number], tonumber(due[number + 1])
  local record = prefix .. 'job:' .. id
  local state, queue, priority = unpack(redis.call('HMGET', record, 'state', 'queue', 'priority'))
  redis.call('ZREM', prefix .. 'due', id)
  redis.call('HSET', record, 'entry', push(id, queue, priority, scheduled))
  if state == 'pending' then
    count(queue, 'delayed', -1)
    count(queue, 'ready', 1)
  end
end
keep_counts()
keep_ready()
local first = redis.call('ZRANGE', prefix .. 'due', 0, 0, 'WITHSCORES')
return { tell(), #due / 2, #expired, first[2] and whole(math.max(0, first[2] - now)) or '' }
