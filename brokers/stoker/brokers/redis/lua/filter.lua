-- What a filter looks at.
-- ARGV, after the three of every script: ids.
-- Returns for each about, queue, completed and state.
-- Uses: clock. Only reads.
local rows = {}
for place = 4, #ARGV do
  rows[place - 3] = redis.call('HMGET', prefix .. 'job:' .. ARGV[place],
    'about', 'queue', 'completed', 'state')
end
return rows
