-- Whether an id is taken, also by a job that is gone; and whether a list of jobs may go in as a whole.
local function known(id)
  if redis.call('EXISTS', prefix .. 'job:' .. id) == 1 then return true end
  local ends = redis.call('ZSCORE', prefix .. 'tombstones', id)
  return ends and tonumber(ends) > now
end

-- The first key that is held where an error was asked for, those before it in the list included. Of jobs
-- in ARGV from `first` to `last`, each so many values.
local function conflict_in(first, last, stride)
  local new, held = {}, {}
  for place = first, last, stride do
    local id, queue, key = ARGV[place], ARGV[place + 1], ARGV[place + 8]
    if not new[id] and not known(id) then
      local field = queue .. ' ' .. key
      local holder = key ~= '' and (held[field] or holder_of(queue, key))
      if holder and ARGV[place + 10] == 'error' then return { 'conflict', key, queue, holder } end
      if not holder then
        new[id] = true
        if key ~= '' then held[field] = id end
      end
    end
  end
  return nil
end
