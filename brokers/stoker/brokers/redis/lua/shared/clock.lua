-- What time it is: the one place where a script asks. Microseconds since 1970.
-- Every script is given KEYS[1], the shard's prefix, from which it makes the names of its keys, and
-- begins its ARGV with: microseconds to add to the clock, the channel of hints, and 1 if it may hint
-- at ready jobs itself.
local prefix = KEYS[1] .. ':'
local moment = redis.call('TIME')
local now = moment[1] * 1000000 + moment[2] + ARGV[1]

-- A number as text, never with an exponent.
local function whole(number)
  return string.format('%.0f', number)
end

local at = whole(now)
