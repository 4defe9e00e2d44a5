-- Recurring jobs of these ids and names.
-- ARGV, after the three of every script: the number of ids, these, and names.
-- Returns what time it is, and for each its row, nil if there is none.
-- Uses: clock, timetable. Only reads.
local last, rows = 4 + tonumber(ARGV[4]), {}
for place = 5, #ARGV do
  local id = place <= last and ARGV[place] or place > last and named(ARGV[place])
  rows[#rows + 1] = id and body_of(id) or false
end
return { at, rows }
