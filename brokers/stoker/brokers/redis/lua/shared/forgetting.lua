-- What is past its time goes, a bounded number at a time.
local AT_ONCE = 500

local function forget(state, id, remembered)
  local record = prefix .. 'job:' .. id
  local queue, completed = unpack(redis.call('HMGET', record, 'queue', 'completed'))
  redis.call('DEL', record, prefix .. 'logs:' .. id, prefix .. 'runs:' .. id)
  redis.call('ZREM', prefix .. 'ended:' .. state, id)
  redis.call('ZREM', prefix .. 'listed:' .. state, id)
  if queue then
    count(queue, state, -1)
    count(queue, 'pruned', 1)
    local known_until = completed + remembered
    if known_until > now then redis.call('ZADD', prefix .. 'tombstones', whole(known_until), id) end
  end
  ended[#ended + 1] = id
end

local function past(key, last, visit)
  local members = redis.call('ZRANGEBYSCORE', prefix .. key, '-inf', last, 'LIMIT', 0, AT_ONCE)
  for _, member in ipairs(members) do
    if visit then visit(member) end
    redis.call('ZREM', prefix .. key, member)
  end
end

-- Ids of jobs that are gone, keys that have been held for long enough, workers not seen since then.
local function forget_the_past(unseen_since)
  past('tombstones', at)
  past('waited', at)
  past('unique_until', at, function(field)
    local held = redis.call('HGET', prefix .. 'unique', field)
    local ends = held and string.sub(held, 38) or ''
    if ends ~= '' and tonumber(ends) <= now then redis.call('HDEL', prefix .. 'unique', field) end
  end)
  past('seen', unseen_since, function(name) redis.call('HDEL', prefix .. 'workers', name) end)
end
