-- Runs end: each settlement is written if its token is the current one.
-- ARGV, after the three of every script: log lines to keep; then for each settlement id, token, state
-- (invalid for one that cannot be kept), delay in microseconds ('' for a final state), 1 if it is ready
-- at once, 1 if it has ever run, the number of fields and values of its record, these, and what is kept beside it (see
-- keep_beside).
-- Returns the names of queues with new ready jobs, and for each settlement 1 (accepted), 2 (already),
-- 3 (invalid) or 0 (lost).
-- Uses: clock, telling, batching, counting, ready, unique, beside. Goes on when full.
local keep = tonumber(ARGV[4])

local function append(list, field, value)
  list[#list + 1] = field
  list[#list + 1] = value
end

local function wait_again(written, id, queue, priority, state, scheduled, ready)
  local entry = ready and push(id, queue, priority, scheduled)
  append(written, 'scheduled', whole(scheduled))
  if entry then
    append(written, 'entry', entry)
  else
    redis.call('ZADD', prefix .. 'due', whole(scheduled), id)
  end
  count(queue, waiting_name(state, entry), 1)
end

local function never_began(id, record)
  redis.call('HDEL', record, 'started')
  local expires = redis.call('HGET', record, 'expires')
  if expires then redis.call('ZADD', prefix .. 'expiring', expires, id) end
end

local function finish(written, id, queue, state, key)
  append(written, 'completed', at)
  later('ZADD', prefix .. 'ended:' .. state, at, id)
  if key then release(queue, key, id) end
  count(queue, state, 1)
  ended[#ended + 1] = id
end

local function settle(id, token, state, delay, ready, begun, first, last)
  local record = prefix .. 'job:' .. id
  local current, before, queue, priority, entry, created, key, wish, reason, worker = unpack(
    redis.call('HMGET', record, 'token', 'settled_token', 'queue', 'priority', 'entry', 'created',
      'unique', 'cancel_requested', 'cancel_reason', 'worker'))
  if current ~= token then return before == token and 2 or 0 end
  if state == 'invalid' then return 3 end
  if before then
    redis.call('HDEL', record, 'token', 'entry', 'reason', 'error', 'crashes', 'solo_deaths', 'returns')
  else
    redis.call('HDEL', record, 'token', 'entry')
  end
  leave(queue .. ':' .. priority, entry)
  later('ZREM', prefix .. 'leases', id)
  count(queue, 'running', -1)
  local cancelled = delay ~= '' and wish
  if cancelled then state, delay = 'cancelled', '' end
  local written = { 'HSET', record, 'settled_token', token, 'state', state, unpack(ARGV, first, last) }
  if delay == '' then
    finish(written, id, queue, state, key)
  else
    wait_again(written, id, queue, priority, state, now + delay, ready)
    if not begun then never_began(id, record) end
  end
  redis.call(unpack(written))
  if cancelled then
    redis.call('HDEL', record, 'reason')
    if reason then redis.call('HSET', record, 'reason', reason) end
  end
  later('ZADD', prefix .. 'listed:' .. state, created, id)
  return 1, worker
end

local verdicts, place = {}, 5
while place <= #ARGV do
  local id, token, state, delay, ready, begun, number = unpack(ARGV, place, place + 6)
  local behind = place + 7 + number
  local verdict, worker = settle(
    id, token, state, delay, ready == '1', begun == '1', place + 7, behind - 1)
  place = keep_beside(verdict == 1 and id, behind, worker, keep)
  verdicts[#verdicts + 1] = verdict
end
send_gathered()
keep_counts()
keep_ready()
return { tell(), verdicts }
