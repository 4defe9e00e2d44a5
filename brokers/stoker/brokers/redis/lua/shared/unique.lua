-- Unique keys, each held by a job within its queue: a field "queue key" with the holder's id, and the
-- time until which it is held, whatever becomes of the job, where the scope is a duration.
local function holder_of(queue, key)
  local held = redis.call('HGET', prefix .. 'unique', queue .. ' ' .. key)
  if not held then return nil end
  local ends = string.sub(held, 38)
  if ends ~= '' and tonumber(ends) <= now then return nil end
  return string.sub(held, 1, 36)
end

-- `scope` is active, waiting, or microseconds.
local function hold(queue, key, id, scope, created)
  local field, lasts = queue .. ' ' .. key, tonumber(scope)
  if lasts then
    local ends = whole(created + lasts)
    redis.call('ZADD', prefix .. 'unique_until', ends, field)
    id = id .. ' ' .. ends
  end
  redis.call('HSET', prefix .. 'unique', field, id)
end

-- The key is free again, if this job has it and holds it not for a fixed time.
local function release(queue, key, id)
  local field = queue .. ' ' .. key
  if redis.call('HGET', prefix .. 'unique', field) == id then
    redis.call('HDEL', prefix .. 'unique', field)
  end
end
