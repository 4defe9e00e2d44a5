-- A waiting job gets a newer one's content; its id, its age, its runs and its key stay.
local function replace(id, priority, payload, about, scheduled, expires)
  local record = prefix .. 'job:' .. id
  local state, queue, before, entry, started = unpack(
    redis.call('HMGET', record, 'state', 'queue', 'priority', 'entry', 'started'))
  if state ~= 'pending' and state ~= 'retrying' then return end
  count(queue, waiting_name(state, entry), -1)
  if entry then
    pull(id, queue, before, entry)
  else
    redis.call('ZREM', prefix .. 'due', id)
  end
  redis.call('ZREM', prefix .. 'expiring', id)
  redis.call('HDEL', record, 'entry', 'expires')
  redis.call('HSET', record, 'priority', priority, 'payload', payload, 'about', about,
    'scheduled', whole(scheduled))
  entry = scheduled <= now and push(id, queue, priority, scheduled)
  if entry then
    redis.call('HSET', record, 'entry', entry)
  else
    redis.call('ZADD', prefix .. 'due', whole(scheduled), id)
  end
  if expires then
    redis.call('HSET', record, 'expires', whole(expires))
    if not started then redis.call('ZADD', prefix .. 'expiring', whole(expires), id) end
  end
  count(queue, waiting_name(state, entry), 1)
end
