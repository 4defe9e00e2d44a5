-- What is kept beside a job: its log lines, of which the newest stay, and its history.
local RUNS_KEPT = 1000
local AT_ONCE = 1000 -- values; unpack has an end

-- ARGV from `place` on: a run ('' for none), its worker ('' for the job's), lines that were dropped, the
-- number of log lines, and these. Without an id they are passed over. Gives the place behind them.
local function keep_beside(id, place, worker, keep)
  local run, ran_by, dropped, number = unpack(ARGV, place, place + 3)
  local behind = place + 4 + number
  if not id then return behind end
  if run ~= '' then
    local runs = prefix .. 'runs:' .. id
    redis.call('RPUSH', runs, ran_by ~= '' and ran_by or worker or '', run)
    redis.call('LTRIM', runs, -2 * RUNS_KEPT, -1)
  end
  dropped = tonumber(dropped)
  if behind > place + 4 then
    local logs = prefix .. 'logs:' .. id
    local length
    for first = place + 4, behind - 1, AT_ONCE do
      length = redis.call('RPUSH', logs, unpack(ARGV, first, math.min(first + AT_ONCE, behind) - 1))
    end
    if length > keep then
      redis.call('LTRIM', logs, -keep, -1)
      dropped = dropped + length - keep
    end
  end
  if dropped > 0 then redis.call('HINCRBY', prefix .. 'job:' .. id, 'dropped_logs', whole(dropped)) end
  return behind
end
