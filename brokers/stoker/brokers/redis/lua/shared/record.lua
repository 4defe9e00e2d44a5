-- A record as observers see it; records.py reads these fields in this order.
local function record_of(id)
  return redis.call('HMGET', prefix .. 'job:' .. id, 'about', 'payload', 'queue', 'priority', 'state',
    'reason', 'attempts', 'crashes', 'created', 'scheduled', 'started', 'completed', 'expires',
    'progress', 'progress_message', 'result', 'error', 'unique', 'recurring', 'cancel_requested',
    'worker')
end
