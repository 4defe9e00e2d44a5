-- Recurring jobs to be looked at, the longest due first.
-- ARGV, after the three of every script: the most of them.
-- Returns what time it is, the rows, and when the first of the others is due ('' if none ever is).
-- Uses: clock, timetable. Only reads.
local key, most = prefix .. 'recurring_due', tonumber(ARGV[4])
local ids = redis.call('ZRANGEBYSCORE', key, '-inf', at, 'LIMIT', 0, most)
local first = redis.call('ZRANGE', key, #ids, #ids, 'WITHSCORES')
local rows = {}
for number, id in ipairs(ids) do rows[number] = body_of(id) end
return { at, rows, first[2] and whole(first[2]) or '' }
