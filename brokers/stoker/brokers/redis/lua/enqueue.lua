-- Jobs go in, idempotent by id and by unique key; all of the list or none of it.
-- ARGV, after the three of every script: 1 if one of them asks for an error over its key; then for each
-- job what entering.lua says.
-- Returns the names of queues with new ready jobs, then for each job the id that stands, preceded by
-- `+` if it is new; or `conflict`, key, queue and holder.
-- Uses: clock, telling, batching, counting, ready, unique, conflicts, replacing, entering. Refused
-- when full.
local FIRST = 5

if ARGV[4] == '1' then
  local conflict = conflict_in(FIRST, #ARGV, JOB)
  if conflict then return conflict end
end
local answers = {}
for place = FIRST, #ARGV, JOB do answers[#answers + 1] = enqueue(place) end
send_gathered()
keep_counts()
keep_ready()
return { tell(), answers }
