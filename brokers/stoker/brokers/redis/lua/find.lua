-- The newest jobs of some states, by created, then id, both descending.
-- ARGV, after the three of every script: created and id of the place before which to begin (id '' to
-- begin at that time's oldest), since, the most of each state; then states.
-- Returns for each state ids and their created, in turns.
-- Uses: clock. Only reads.
local before, before_id, since, most = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])

-- The rank of the first that comes after the place, the newest being 0: by bisection among its peers.
local function rank_of(key)
  local low = redis.call('ZCOUNT', key, '(' .. before, '+inf')
  local high = low + redis.call('ZCOUNT', key, before, before)
  if before_id == '' then return high end
  while low < high do
    local middle = math.floor((low + high) / 2)
    if redis.call('ZREVRANGE', key, middle, middle)[1] < before_id then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

local function listed(state)
  local key = prefix .. 'listed:' .. state
  local rank = rank_of(key)
  local number = math.min(most, redis.call('ZCOUNT', key, since, '+inf') - rank)
  if number <= 0 then return {} end
  return redis.call('ZREVRANGE', key, rank, rank + number - 1, 'WITHSCORES')
end

-- The running ones are few, and found by their leases.
local function running()
  local found = {}
  for _, id in ipairs(redis.call('ZRANGE', prefix .. 'leases', 0, -1)) do
    local created = redis.call('HGET', prefix .. 'job:' .. id, 'created')
    local delta = created - before
    if created - since >= 0 and (delta < 0 or delta == 0 and before_id ~= '' and id < before_id) then
      found[#found + 1] = id
      found[#found + 1] = created
    end
  end
  return found
end

local answers = {}
for place = 8, #ARGV do
  answers[place - 7] = ARGV[place] == 'running' and running() or listed(ARGV[place])
end
return answers
