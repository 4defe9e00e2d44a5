-- Ready jobs: a stream for each queue and priority, whose entries ascend by scheduled_at, then id.
-- A job that comes too late for its place in the stream (a stream only grows at its end) goes into the
-- sorted set `early` beside it, and a claim merges the two. `tails` has the last entry of each stream,
-- `waiting` the number of jobs, `giving` the queues that have any.
local GROUP = 'workers'
local tails, waiting, left = {}, {}, {}

local function make_stream(place)
  redis.pcall('XGROUP', 'CREATE', prefix .. 'stream:' .. place, GROUP, '0', 'MKSTREAM')
end

local function tail_of(place)
  local tail = tails[place]
  if not tail then
    local known = redis.call('HGET', prefix .. 'tails', place)
    tail = { at = 0, seq = 0, id = '~' } -- after every id: of which job it was is not remembered
    if known then
      local last, seq = string.match(known, '^(%d+)-(%d+)$')
      tail.at, tail.seq = tonumber(last), tonumber(seq)
    else
      make_stream(place)
    end
    tails[place] = tail
  end
  return tail
end

-- Makes a job ready; gives its entry, to be kept in its record.
local function push(id, queue, priority, scheduled)
  local place = queue .. ':' .. priority
  waiting[place] = (waiting[place] or 0) + 1
  readied[queue] = true
  local tail = tail_of(place)
  local seq = scheduled > tail.at and 0 or scheduled == tail.at and id > tail.id and tail.seq + 1
  local entry = seq and whole(scheduled) .. '-' .. seq
  if not entry or redis.pcall('XADD', prefix .. 'stream:' .. place, entry, 'id', id).err then
    redis.call('ZADD', prefix .. 'early:' .. place, whole(scheduled), id)
    return 'early'
  end
  tail.at, tail.seq, tail.id, tail.last = scheduled, seq, id, entry
  return entry
end

-- Takes a job back that no claim has got.
local function pull(id, queue, priority, entry)
  local place = queue .. ':' .. priority
  waiting[place] = (waiting[place] or 0) - 1
  if entry == 'early' then
    redis.call('ZREM', prefix .. 'early:' .. place, id)
  else
    redis.call('XDEL', prefix .. 'stream:' .. place, entry)
  end
end

-- The entry of a job that a claim had got goes.
local function leave(place, entry)
  if not entry or entry == 'early' then return end
  left[place] = left[place] or {}
  table.insert(left[place], entry)
end

local function gives(queue)
  local places = {}
  for priority = 0, 9 do places[priority + 1] = queue .. ':' .. priority end
  for _, number in ipairs(redis.call('HMGET', prefix .. 'waiting', unpack(places))) do
    if number and tonumber(number) > 0 then return true end
  end
  return false
end

local function keep_ready()
  for place, entries in pairs(left) do
    redis.call('XACK', prefix .. 'stream:' .. place, GROUP, unpack(entries))
    redis.call('XDEL', prefix .. 'stream:' .. place, unpack(entries))
  end
  for place, tail in pairs(tails) do
    if tail.last then redis.call('HSET', prefix .. 'tails', place, tail.last) end
  end
  for place, delta in pairs(waiting) do
    local queue = string.sub(place, 1, -3)
    local number = redis.call('HINCRBY', prefix .. 'waiting', place, delta)
    if number > 0 then
      if delta > 0 then redis.call('ZADD', prefix .. 'giving', 0, queue) end
    else
      redis.call('HDEL', prefix .. 'waiting', place)
      if not gives(queue) then redis.call('ZREM', prefix .. 'giving', queue) end
    end
  end
end
