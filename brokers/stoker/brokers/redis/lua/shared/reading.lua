-- What is ready in one place, in its order.

-- The entries that no claim has got yet, the first of them.
local function ahead(place, room)
  local stream = prefix .. 'stream:' .. place
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  if groups.err or not groups[1] then return {} end
  return redis.call('XRANGE', stream, '(' .. groups[1][8], '+', 'COUNT', room)
end

local function read(place, consumer, room)
  local stream = prefix .. 'stream:' .. place
  local command = { 'XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', room, 'STREAMS', stream, '>' }
  local got = redis.pcall(unpack(command))
  if got and got.err then -- somebody has deleted the stream or its group
    make_stream(place)
    got = redis.call(unpack(command))
  end
  local ids, entries = {}, {}
  for number, entry in ipairs(got and got[1][2] or {}) do
    ids[number] = entry[2][2]
    entries[ids[number]] = entry[1]
  end
  return ids, entries
end

-- Takes at most `room` jobs out, for this consumer; gives their ids, and the entries by id.
local function fetch(place, consumer, room)
  local early = redis.call('ZRANGE', prefix .. 'early:' .. place, 0, room - 1, 'WITHSCORES')
  if #early == 0 then return read(place, consumer, room) end
  local coming, ids, taken, streamed, next_early = ahead(place, room), {}, {}, 0, 1
  while #ids < room do
    local id, entry = early[next_early], coming[streamed + 1]
    local scheduled = entry and tonumber(string.match(entry[1], '^%d+'))
    local score = id and tonumber(early[next_early + 1])
    if entry and (not id or scheduled < score or scheduled == score and entry[2][2] < id) then
      ids[#ids + 1] = entry[2][2]
      streamed = streamed + 1
    elseif id then
      ids[#ids + 1], taken[#taken + 1] = id, id
      next_early = next_early + 2
    else
      break
    end
  end
  if #taken > 0 then redis.call('ZREM', prefix .. 'early:' .. place, unpack(taken)) end
  local entries = {}
  if streamed > 0 then entries = select(2, read(place, consumer, streamed)) end
  return ids, entries
end
