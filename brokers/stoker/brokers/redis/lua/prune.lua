-- Ended jobs that are past retention go, and what else is past its time.
-- ARGV, after the three of every script: the most jobs, microseconds that an id is known after its job's
-- end, and that a worker's row is kept unseen; then for each state its name, the microseconds that it is
-- kept and how many are ('' for as long, or as many, as there are).
-- Returns how many jobs went.
-- Uses: clock, telling, batching, counting, forgetting. Goes on when full.
local left, remembered = tonumber(ARGV[4]), tonumber(ARGV[5])
local pruned = 0

local function forget_first(state, ids)
  for _, id in ipairs(ids) do forget(state, id, remembered) end
  left, pruned = left - #ids, pruned + #ids
end

for place = 7, #ARGV, 3 do
  local state, age, most = unpack(ARGV, place, place + 2)
  local key = prefix .. 'ended:' .. state
  if age ~= '' and left > 0 then
    local before = '(' .. whole(now - age)
    forget_first(state, redis.call('ZRANGEBYSCORE', key, '-inf', before, 'LIMIT', 0, left))
  end
  local beyond = most ~= '' and math.min(left, redis.call('ZCARD', key) - most) or 0
  if beyond > 0 then forget_first(state, redis.call('ZRANGE', key, 0, beyond - 1)) end
end
send_gathered()
keep_counts()
tell()
forget_the_past(whole(now - ARGV[6]))
return pruned
