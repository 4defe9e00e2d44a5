-- Consumers are workers' names in the groups of the streams. What one has pending stays so until it is
-- settled, by whoever has taken it over; so a consumer goes only when it has nothing.
local function remove_idle(place, gone)
  local stream = prefix .. 'stream:' .. place
  local consumers = redis.pcall('XINFO', 'CONSUMERS', stream, GROUP)
  for _, consumer in ipairs(consumers.err and {} or consumers) do
    local name, pending, idle = consumer[2], consumer[4], consumer[6]
    if pending == 0 and gone(name, idle) then
      redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, name)
    end
  end
end
