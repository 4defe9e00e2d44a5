-- Recurring jobs by name.
-- ARGV, after the three of every script: the name after which to begin ('' for the first), the most.
-- Returns what time it is, the rows, and the name of the last that was looked at ('' if it is the last of all).
-- Uses: clock, timetable. Only reads.
local from = ARGV[4] == '' and '-' or '[' .. ARGV[4] .. '\1'
local entries = redis.call('ZRANGEBYLEX', prefix .. 'recurring_names', from, '+', 'LIMIT', 0, ARGV[5])
local rows, name = {}, ''
for number, entry in ipairs(entries) do
  local zero = string.find(entry, '\0', 1, true)
  name = string.sub(entry, 1, zero - 1)
  rows[number] = body_of(string.sub(entry, zero + 1))
end
return { at, rows, #entries == tonumber(ARGV[5]) and name or '' }
