-- Patterns over names of queues (`*` and `?`), as patterns of Lua.
local function pattern_of(glob)
  local escaped = string.gsub(glob, '[^%w%*%?]', '%%%0')
  return '^' .. string.gsub(string.gsub(escaped, '%*', '.*'), '%?', '.') .. '$'
end

local function fits_any(name, patterns)
  for _, pattern in ipairs(patterns) do
    if string.find(name, pattern) then return true end
  end
  return false
end
