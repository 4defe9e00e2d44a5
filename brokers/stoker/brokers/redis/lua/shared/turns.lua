-- Which queues a claim looks into, one after the other, beginning behind the last beginning.
local CHUNK = 50 -- names at a time: most claims are full after the first

local function pattern_list(first, last)
  local patterns = {}
  for place = first, last do patterns[#patterns + 1] = pattern_of(ARGV[place]) end
  return patterns
end

-- The places of a queue that have something to give, by priority.
local function places_of(queue, lowest_first)
  local places, found = {}, {}
  for priority = 0, 9 do
    places[priority + 1] = queue .. ':' .. (lowest_first and priority or 9 - priority)
  end
  local numbers = redis.call('HMGET', prefix .. 'waiting', unpack(places))
  for number, place in ipairs(places) do
    if numbers[number] then found[#found + 1] = place end
  end
  return found
end

local function paused()
  local patterns = redis.call('HKEYS', prefix .. 'pauses')
  for number, glob in ipairs(patterns) do patterns[number] = pattern_of(glob) end
  return patterns
end

-- Calls `visit` with each that is wanted and not paused, until it answers false. `first` is where ARGV
-- says which ones: see claim.lua.
local function in_turn(first, visit)
  local after, names, resting = ARGV[first], tonumber(ARGV[first + 1]), paused()
  if names > 0 then
    for place = first + 2, first + 1 + names do
      if not fits_any(ARGV[place], resting) and not visit(ARGV[place]) then return end
    end
    return
  end
  local last = first + 2 + tonumber(ARGV[first + 2])
  local include, exclude = pattern_list(first + 3, last), pattern_list(last + 1, #ARGV)
  local function walk(from, to)
    while true do
      local queues = redis.call('ZRANGEBYLEX', prefix .. 'giving', from, to, 'LIMIT', 0, CHUNK)
      for _, queue in ipairs(queues) do
        local wanted = fits_any(queue, include) and not fits_any(queue, exclude)
        if wanted and not fits_any(queue, resting) and not visit(queue) then return false end
      end
      if #queues < CHUNK then return true end
      from = '(' .. queues[#queues]
    end
  end
  if walk('(' .. after, '+') and after ~= '' then walk('-', '[' .. after) end
end
