-- Runs that are to be taken over.
local function expired(limit)
  return redis.call('ZRANGEBYSCORE', prefix .. 'leases', '-inf', at, 'LIMIT', 0, limit)
end

-- Looks through all runs, for workers seldom die.
local function held_by(worker, limit)
  local ids = {}
  for _, id in ipairs(redis.call('ZRANGE', prefix .. 'leases', 0, -1)) do
    local of, taken_over = unpack(
      redis.call('HMGET', prefix .. 'job:' .. id, 'worker', 'taken_over'))
    if #ids < limit and of == worker and taken_over == '0' then ids[#ids + 1] = id end
  end
  return ids
end

-- Gives the row of the new claim: that of claim.lua, and started, cancel_requested and cancel_reason.
local function take_over(id, token, until_then)
  local record = prefix .. 'job:' .. id
  redis.call('HSET', record, 'token', token, 'taken_over', '1')
  redis.call('ZADD', prefix .. 'leases', until_then, id)
  local job = redis.call('HMGET', record, 'queue', 'priority', 'about', 'payload', 'attempts',
    'crashes', 'solo_deaths', 'returns', 'created', 'scheduled', 'expires', 'recurring', 'started',
    'cancel_requested', 'cancel_reason')
  table.insert(job, 1, id)
  return job
end
