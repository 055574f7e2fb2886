-- include call
-- The time of Redis, never before the last one.

local function now_ms(last)
  local time = call('TIME')
  return max(floor(time[1] * 1000 + time[2] / 1000), last)
end
