-- Recurring jobs: for each a hash `recurring:id` of revision, name and body; `recurring_due` has the ids by
-- when they are due, and `recurring_names` the names, each with a zero byte and the id behind it, so that
-- it is sorted by name.
local function entry_of(name, id)
  return name .. '\0' .. id
end

-- The id of the row of this name, if there is one.
local function named(name)
  local found = redis.call('ZRANGEBYLEX', prefix .. 'recurring_names',
    '[' .. name .. '\0', '(' .. name .. '\1', 'LIMIT', 0, 1)
  return found[1] and string.sub(found[1], #name + 2)
end

local function body_of(id)
  return redis.call('HGET', prefix .. 'recurring:' .. id, 'body')
end
