-- Ready jobs go out: queues take turns, and within a queue priority, time and id are the order.
-- ARGV, after the three of every script: limit, worker, token, lease in microseconds, 1 for the lowest
-- priority first, the queue that the last claim began with ('' for none), the number of names; then, if
-- there are any, the names of the queues in turn; else the number of patterns, these, and those left out.
-- Returns now, the queue it began with ('' if it got nothing), and a row for each claim.
-- Uses: clock, telling, batching, counting, ready, reading, unique, ending, matching, turns. Goes on when full.
local limit, worker, token = tonumber(ARGV[4]), ARGV[5], ARGV[6]
local until_then, lowest_first = whole(now + ARGV[7]), ARGV[8] == '1'
local EXPIRED_AT_MOST = 1000 -- that one claim ends on its way; promote ends the rest
local rows, begun, expired = {}, '', 0

local function start(id, place, delivered)
  local job = redis.call('HMGET', prefix .. 'job:' .. id,
    'state', 'queue', 'priority', 'entry', 'created', 'unique', 'scope', 'expires', 'started',
    'about', 'payload', 'attempts', 'crashes', 'solo_deaths', 'returns', 'scheduled', 'recurring')
  local state, queue, _, entry, created, key, scope, expires, started = unpack(job, 1, 9)
  if state ~= 'pending' and state ~= 'retrying' then -- the entry of a job that somebody has deleted
    leave(place, delivered)
    return
  end
  if expires and not started and tonumber(expires) <= now then
    leave(place, delivered)
    waiting[place] = waiting[place] + 1 -- for it is taken back only once
    end_waiting(id, job, 'skipped', 'expired')
    expired = expired + 1
    return
  end
  local attempts = tonumber(job[12] or 0) + 1
  redis.call('HSET', prefix .. 'job:' .. id, 'state', 'running', 'token', token, 'worker', worker,
    'taken_over', '0', 'started', at, 'attempts', attempts)
  later('ZREM', prefix .. 'listed:' .. state, id)
  later('ZADD', prefix .. 'leases', until_then, id)
  if expires then redis.call('ZREM', prefix .. 'expiring', id) end
  if key and scope == 'waiting' then release(queue, key, id) end
  count(queue, waiting_name(state, entry), -1)
  count(queue, 'running', 1)
  rows[#rows + 1] = { id, queue, job[3], job[10], job[11], attempts, job[13], job[14], job[15],
    created, job[16], expires, job[17] }
end

local function take(queue)
  local before = #rows
  for _, place in ipairs(places_of(queue, lowest_first)) do
    while #rows < limit and expired < EXPIRED_AT_MOST do
      local ids, entries = fetch(place, worker, limit - #rows)
      if #ids == 0 then break end
      waiting[place] = (waiting[place] or 0) - #ids
      for _, id in ipairs(ids) do start(id, place, entries[id]) end
    end
  end
  if before == 0 and #rows > 0 then begun = queue end
end

in_turn(9, function(queue)
  take(queue)
  return #rows < limit
end)
send_gathered()
keep_counts()
keep_ready()
tell()
return { at, begun, rows }
