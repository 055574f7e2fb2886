-- 128 random bits in hexadecimal, new for each run: the last argument, which the runner adds. What Lua itself calls random
-- is the same in each run, because Redis seeds it so.

local random = table.remove(ARGV)
