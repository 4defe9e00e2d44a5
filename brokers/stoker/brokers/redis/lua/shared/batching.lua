-- One command for many members of a key, instead of one for each.
local gathered = {}
local LONGEST = 2000 -- arguments; unpack has an end

local function later(command, key, first, second)
  local name = command .. key
  local list = gathered[name]
  if not list then
    list = { command, key }
    gathered[name] = list
  end
  list[#list + 1] = first
  if second then list[#list + 1] = second end
  if #list > LONGEST then
    redis.call(unpack(list))
    gathered[name] = nil
  end
end

local function send_gathered()
  for _, list in pairs(gathered) do redis.call(unpack(list)) end
end
