-- A waiting job ends at once; a running one is told, and its wish is kept.
-- ARGV, after the three of every script: 1 if there is a reason, the reason; then ids.
-- Returns for each cancelled, requested, final or unknown.
-- Uses: clock, telling, counting, ready, unique, ending. Goes on when full.
local reason = ARGV[4] == '1' and ARGV[5]
local answers, wished = {}, {}

local function cancel(id)
  local record, job = prefix .. 'job:' .. id, standing(id)
  local state = job[1]
  if not state then return 'unknown' end
  if job[8] then return 'final' end
  redis.call('HSET', record, 'cancel_requested', '1')
  if state == 'running' then
    if reason then redis.call('HSETNX', record, 'cancel_reason', reason) end
    wished[#wished + 1] = id
    return 'requested'
  end
  redis.call('HDEL', record, 'cancel_reason')
  if reason then redis.call('HSET', record, 'cancel_reason', reason) end
  end_waiting(id, job, 'cancelled', reason)
  return 'cancelled'
end

for place = 6, #ARGV do answers[#answers + 1] = cancel(ARGV[place]) end
keep_counts()
keep_ready()
tell()
if #wished > 0 then publish('cancel', wished) end
return answers
