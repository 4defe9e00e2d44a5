-- A job goes in, from ARGV: id, queue, priority, payload, about, at, delay, expires, key, scope, on_conflict,
-- recurring_id ('' for what is not there; at is a time, delay and expires are durations, in microseconds).
local JOB = 12 -- values

local function append(list, field, value)
  list[#list + 1] = field
  list[#list + 1] = value
end

-- The command that keeps a new job, and still lacks what becomes of it.
local function new_record(id, queue, priority, payload, about, scheduled, expires, recurring)
  local record = { 'HSET', prefix .. 'job:' .. id,
    'queue', queue, 'priority', priority, 'payload', payload, 'about', about,
    'created', at, 'scheduled', whole(scheduled) }
  if expires then append(record, 'expires', whole(expires)) end
  if recurring ~= '' then append(record, 'recurring', recurring) end
  return record
end

local function add(id, queue, priority, payload, about, scheduled, expires, key, scope, recurring)
  local record = new_record(id, queue, priority, payload, about, scheduled, expires, recurring)
  append(record, 'state', 'pending')
  if scheduled <= now then
    append(record, 'entry', push(id, queue, priority, scheduled))
    count(queue, 'ready', 1)
  else
    redis.call('ZADD', prefix .. 'due', whole(scheduled), id)
    count(queue, 'delayed', 1)
  end
  if expires then redis.call('ZADD', prefix .. 'expiring', whole(expires), id) end
  if key ~= '' then
    append(record, 'unique', key)
    append(record, 'scope', scope)
    hold(queue, key, id, scope, now)
  end
  redis.call(unpack(record))
  later('ZADD', prefix .. 'listed:pending', at, id)
end

local function times_of(given, delay, lasts)
  return given ~= '' and tonumber(given) or now + delay, lasts ~= '' and now + lasts
end

-- Gives the id that stands, preceded by `+` if it is new.
local function enqueue(place)
  local id, queue, priority, payload, about, given, delay, lasts, key, scope, conflict, recurring =
    unpack(ARGV, place, place + JOB - 1)
  if known(id) then return id end
  local scheduled, expires = times_of(given, delay, lasts)
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
