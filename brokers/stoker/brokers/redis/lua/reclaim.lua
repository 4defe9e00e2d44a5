-- What was left is taken over under a new token, for a lease.
-- ARGV, after the three of every script: limit, token, lease in microseconds, the worker whose jobs are
-- wanted ('' for all whose lease has expired), the time it should be by the caller's own measure ('' if
-- it does not know) and by how many microseconds that may be wrong.
-- Returns the time without what is added to it, 1 if it is another than it should be (then nothing was
-- taken), and a row for each claim.
-- Uses: clock, taking. Goes on when full.
local limit, worker = tonumber(ARGV[4]), ARGV[7]
local real = whole(now - ARGV[1])
if ARGV[8] ~= '' and math.abs(real - ARGV[8]) > tonumber(ARGV[9]) then return { real, 1, {} } end
local ids = worker == '' and expired(limit) or held_by(worker, limit)
local rows, until_then = {}, whole(now + ARGV[6])
for number, id in ipairs(ids) do rows[number] = take_over(id, ARGV[5], until_then) end
return { real, 0, rows }
