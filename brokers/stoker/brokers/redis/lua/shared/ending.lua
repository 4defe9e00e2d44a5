-- A waiting job is final without having been started, or started again.
local function end_waiting(id, job, final, reason)
  local state, queue, priority, entry, created, key = unpack(job, 1, 6)
  local record = prefix .. 'job:' .. id
  if entry then
    pull(id, queue, priority, entry)
  else
    redis.call('ZREM', prefix .. 'due', id)
  end
  redis.call('ZREM', prefix .. 'expiring', id)
  redis.call('HDEL', record, 'entry', 'reason')
  redis.call('HSET', record, 'state', final, 'completed', at)
  if reason then redis.call('HSET', record, 'reason', reason) end
  redis.call('ZREM', prefix .. 'listed:' .. state, id)
  redis.call('ZADD', prefix .. 'listed:' .. final, created, id)
  redis.call('ZADD', prefix .. 'ended:' .. final, at, id)
  if key then release(queue, key, id) end
  count(queue, waiting_name(state, entry), -1)
  count(queue, final, 1)
  ended[#ended + 1] = id
end

-- What it takes of a record.
local function standing(id)
  return redis.call('HMGET', prefix .. 'job:' .. id,
    'state', 'queue', 'priority', 'entry', 'created', 'unique', 'scope', 'completed')
end
