-- Progress and log lines of runs that go on.
-- ARGV, after the three of every script: log lines to keep; then for each report id, token, the number of
-- fields and values of its record, these, and what is kept beside it (see keep_beside).
-- Returns for each 1 (kept) or 0 (lost).
-- Uses: clock, beside. Goes on when full.
local keep, answers, place = tonumber(ARGV[4]), {}, 5
while place <= #ARGV do
  local id, token, number = unpack(ARGV, place, place + 2)
  local record = prefix .. 'job:' .. id
  local stands = redis.call('HGET', record, 'token') == token
  if stands and tonumber(number) > 0 then
    redis.call('HSET', record, unpack(ARGV, place + 3, place + 2 + number))
  end
  place = keep_beside(stands and id, place + 3 + number, nil, keep)
  answers[#answers + 1] = stands and 1 or 0
end
return answers
