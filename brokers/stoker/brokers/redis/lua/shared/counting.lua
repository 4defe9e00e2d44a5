-- How many jobs a queue has under which name (a field of Counts); kept, never counted.
local counted = {}

local function count(queue, name, delta)
  local field = queue .. ' ' .. name
  counted[field] = (counted[field] or 0) + delta
end

-- The name that a waiting job is counted under.
local function waiting_name(state, entry)
  if state == 'retrying' then return 'retrying' end
  return entry and 'ready' or 'delayed'
end

local function keep_counts()
  for field, delta in pairs(counted) do
    redis.call('HINCRBY', prefix .. 'counts', field, delta)
  end
end
