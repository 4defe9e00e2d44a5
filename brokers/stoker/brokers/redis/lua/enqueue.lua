-- Jobs go in, idempotent by id and by unique key; all of the list or none of it.
-- ARGV, after the three of every script: 1 if one of them asks for an error over its key; then for each
-- job id, queue, priority, payload, about, at, delay, expires, key, scope, on_conflict, recurring_id
-- ('' for what is not there; at is a time, delay and expires are durations, in microseconds).
-- Returns the names of queues with new ready jobs, then for each job the id that stands, preceded by
-- `+` if it is new; or `conflict`, key, queue and holder.
-- Uses: clock, telling, batching, counting, ready, unique, conflicts, replacing. Refused when full.
local FIRST, STRIDE = 5, 12

local function add(id, queue, priority, payload, about, scheduled, expires, key, scope, recurring)
  local record = { 'HSET', prefix .. 'job:' .. id,
    'state', 'pending', 'queue', queue, 'priority', priority, 'payload', payload, 'about', about,
    'created', at, 'scheduled', whole(scheduled) }
  local function set(field, value)
    record[#record + 1] = field
    record[#record + 1] = value
  end
  if scheduled <= now then
    set('entry', push(id, queue, priority, scheduled))
    count(queue, 'ready', 1)
  else
    redis.call('ZADD', prefix .. 'due', whole(scheduled), id)
    count(queue, 'delayed', 1)
  end
  if expires then
    set('expires', whole(expires))
    redis.call('ZADD', prefix .. 'expiring', whole(expires), id)
  end
  if key ~= '' then
    set('unique', key)
    set('scope', scope)
    hold(queue, key, id, scope, now)
  end
  if recurring ~= '' then set('recurring', recurring) end
  redis.call(unpack(record))
  later('ZADD', prefix .. 'listed:pending', at, id)
end

local function enqueue(place)
  local id, queue, priority, payload, about, given, delay, lasts, key, scope, conflict, recurring =
    unpack(ARGV, place, place + STRIDE - 1)
  if known(id) then return id end
  local scheduled = given ~= '' and tonumber(given) or now + delay
  local expires = lasts ~= '' and now + lasts
  local holder = key ~= '' and holder_of(queue, key)
  if holder then
    if conflict == 'replace' then
      replace(holder, priority, payload, about, scheduled, expires)
    end
    return holder
  end
  add(id, queue, priority, payload, about, scheduled, expires, key, scope, recurring)
  return '+' .. id
end

if ARGV[4] == '1' then
  local conflict = conflict_in(FIRST, STRIDE)
  if conflict then return conflict end
end
local answers = {}
for place = FIRST, #ARGV, STRIDE do answers[#answers + 1] = enqueue(place) end
send_gathered()
keep_counts()
keep_ready()
return { tell(), answers }
