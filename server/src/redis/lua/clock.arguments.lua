-- Stands in for clock.lua where a test drives a script and its twin by one clock: the time is the last argument, in
-- microseconds.

local argument_us = tonumber(table.remove(ARGV))

local function now_us(last)
  return math.max(argument_us, last or 0)
end

local function now_ms(last)
  return math.max(math.floor(argument_us / 1000), last or 0)
end
