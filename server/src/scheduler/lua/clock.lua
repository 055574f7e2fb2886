-- include call
-- The time of Redis.

local function timeMs()
  local time = call('TIME')
  return floor(time[1] * 1000 + time[2] / 1000)
end
