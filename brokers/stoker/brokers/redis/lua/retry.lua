-- Ended jobs start over: the same id, history and logs kept.
-- ARGV, after the three of every script: ids.
-- Returns the names of queues with new ready jobs, and for each id retried, not_final, unknown, or the
-- job that holds its unique key.
-- Uses: clock, telling, counting, ready, unique, ending. Goes on when full.
local function retry(id)
  local record = prefix .. 'job:' .. id
  local state, queue, priority, _, created, key, scope, completed = unpack(standing(id), 1, 8)
  if not state then return 'unknown' end
  if not completed then return 'not_final' end
  if key then
    local holder = holder_of(queue, key)
    if holder and holder ~= id then return holder end
    if not holder then hold(queue, key, id, scope, tonumber(created)) end
  end
  redis.call('HDEL', record, 'started', 'completed', 'expires', 'worker', 'reason', 'error', 'result',
    'attempts', 'crashes', 'solo_deaths', 'returns', 'cancel_requested', 'cancel_reason', 'progress',
    'progress_message')
  redis.call('HSET', record, 'state', 'pending', 'scheduled', at,
    'entry', push(id, queue, priority, now))
  redis.call('ZREM', prefix .. 'ended:' .. state, id)
  redis.call('ZREM', prefix .. 'listed:' .. state, id)
  redis.call('ZADD', prefix .. 'listed:pending', created, id)
  count(queue, state, -1)
  count(queue, 'ready', 1)
  return 'retried'
end

local answers = {}
for place = 4, #ARGV do answers[#answers + 1] = retry(ARGV[place]) end
keep_counts()
keep_ready()
return { tell(), answers }
