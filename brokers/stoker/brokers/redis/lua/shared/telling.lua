-- Hints on the channel: a kind, then what it is about, in words. Lost ones cost a poll.
local ended, readied = {}, {} -- ids of jobs, and names of queues as keys

local function publish(kind, words)
  redis.call('PUBLISH', ARGV[2], kind .. ' ' .. table.concat(words, ' '))
end

-- Tells who waits for jobs that have ended, and if it may, of queues with new ready jobs; gives these.
local function tell()
  if #ended > 0 and redis.call('EXISTS', prefix .. 'waited') == 1 then
    local waited = {}
    for _, id in ipairs(ended) do
      if redis.call('ZREM', prefix .. 'waited', id) == 1 then waited[#waited + 1] = id end
    end
    if #waited > 0 then publish('settled', waited) end
  end
  local queues = {}
  for queue in pairs(readied) do queues[#queues + 1] = queue end
  if #queues > 0 and ARGV[3] == '1' then publish('ready', queues) end
  return queues
end
