-- include call
-- Stands in for the clock where a test drives the library and its twin by one: the time, in microseconds, is the last
-- argument but for the random text, which has been taken by then.

local function timeMs(arguments)
  return floor(table.remove(arguments) / 1000)
end
