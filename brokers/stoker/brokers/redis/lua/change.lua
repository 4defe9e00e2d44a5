-- Rows of recurring jobs are written, each if its revision stands, with the jobs of the slots it has passed.
-- ARGV, after the three of every script: 1 if a job asks for an error over its key; then for each change
-- id, name, expected, revision, when it is due ('' for never), body ('' to take it away), the number of
-- jobs, the number of skipped ones, the jobs (see entering.lua), and the skipped ones, each with its reason.
-- Returns the names of queues with new ready jobs, then for each change false, or the ids that stand for
-- its jobs, those of new ones preceded by `+`; or `conflict`, key, queue and holder.
-- Uses: clock, telling, batching, counting, ready, unique, conflicts, replacing, entering, timetable. Refused
-- when full.
local CHANGE = 8 -- values before the jobs
local errors = ARGV[4] == '1'

local function stands(id, name, expected, body)
  local revision = redis.call('HGET', prefix .. 'recurring:' .. id, 'revision')
  if expected ~= '0' or body == '' then return revision == expected end
  return not revision and not named(name)
end

local function write(id, name, expected, revision, due, body)
  local row = prefix .. 'recurring:' .. id
  if body == '' then
    local entry = entry_of(redis.call('HGET', row, 'name'), id)
    redis.call('DEL', row)
    redis.call('ZREM', prefix .. 'recurring_names', entry)
    redis.call('ZREM', prefix .. 'recurring_due', id)
    return
  end
  redis.call('HSET', row, 'revision', revision, 'body', body)
  if expected == '0' then
    redis.call('HSET', row, 'name', name)
    redis.call('ZADD', prefix .. 'recurring_names', 0, entry_of(name, id))
  end
  if due ~= '' then
    redis.call('ZADD', prefix .. 'recurring_due', due, id)
  else
    redis.call('ZREM', prefix .. 'recurring_due', id)
  end
end

local function keep_skipped(place, reason)
  local id, queue, priority, payload, about, given, delay, lasts, _, _, _, recurring =
    unpack(ARGV, place, place + JOB - 1)
  if known(id) then return end
  local scheduled, expires = times_of(given, delay, lasts)
  local record = new_record(id, queue, priority, payload, about, scheduled, expires, recurring)
  append(record, 'state', 'skipped')
  append(record, 'reason', reason)
  append(record, 'completed', at)
  redis.call(unpack(record))
  later('ZADD', prefix .. 'listed:skipped', at, id)
  later('ZADD', prefix .. 'ended:skipped', at, id)
  count(queue, 'skipped', 1)
  ended[#ended + 1] = id
end

-- Gives what is answered for the change at this place, the place behind it, and a conflict if there is one.
local function change(place)
  local id, name, expected, revision, due, body, jobs, skipped = unpack(ARGV, place, place + CHANGE - 1)
  local first = place + CHANGE
  local first_skipped = first + JOB * jobs
  local behind = first_skipped + (JOB + 1) * skipped
  if not stands(id, name, expected, body) then return false, behind end
  local conflict = errors and conflict_in(first, first_skipped - 1, JOB)
  if conflict then return false, behind, conflict end
  local answers = {}
  for each = first, first_skipped - 1, JOB do answers[#answers + 1] = enqueue(each) end
  for each = first_skipped, behind - 1, JOB + 1 do keep_skipped(each, ARGV[each + JOB]) end
  write(id, name, expected, revision, due, body)
  return answers, behind
end

local answers, place, conflict = {}, 5, nil
while place <= #ARGV and not conflict do
  answers[#answers + 1], place, conflict = change(place)
end
send_gathered()
keep_counts()
keep_ready()
local queues = tell()
return conflict or { queues, answers }
