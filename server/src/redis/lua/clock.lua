-- The time of Redis, never before `last`: the latest that the caller has seen, where it keeps one. A server whose clock
-- was set back repeats a time, so nothing that waits is put off and nothing that ended comes back.

local function now_us(last)
  local time = redis.call('TIME')
  return math.max(tonumber(time[1]) * 1000000 + tonumber(time[2]), last or 0)
end

local function now_ms(last)
  return math.max(math.floor(now_us() / 1000), last or 0)
end
