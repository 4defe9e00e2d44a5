-- A record with all that is kept beside it.
-- ARGV, after the three of every script: the id.
-- Returns now, the fields of get.lua; entry, returns, solo_deaths, dropped_logs; history, log lines.
-- Uses: clock, record. Only reads.
local id = ARGV[4]
return {
  at,
  record_of(id),
  redis.call('HMGET', prefix .. 'job:' .. id, 'entry', 'returns', 'solo_deaths', 'dropped_logs'),
  redis.call('LRANGE', prefix .. 'runs:' .. id, 0, -1),
  redis.call('LRANGE', prefix .. 'logs:' .. id, 0, -1),
}
