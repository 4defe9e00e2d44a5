-- Runs hold on to their leases.
-- ARGV, after the three of every script: the lease in microseconds; then for each run id and token.
-- Returns for each 0 (lost), 1 (renewed), or a list with the reason (if any) of a wish to cancel.
-- Uses: clock, batching. Goes on when full.
local until_then, answers = whole(now + ARGV[4]), {}
for place = 5, #ARGV, 2 do
  local id, token = ARGV[place], ARGV[place + 1]
  local current, wish, reason = unpack(
    redis.call('HMGET', prefix .. 'job:' .. id, 'token', 'cancel_requested', 'cancel_reason'))
  if current ~= token then
    answers[#answers + 1] = 0
  else
    later('ZADD', prefix .. 'leases', until_then, id)
    answers[#answers + 1] = wish and { reason } or 1
  end
end
send_gathered()
return answers
