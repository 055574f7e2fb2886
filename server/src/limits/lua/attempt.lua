-- Counts a try within a window that begins with the first, unless there were too many: the twin of `attempt` in
-- memory-counters.ts.
--
-- KEYS[1]  root of the scope
-- ARGV     tries allowed, length of the window in microseconds
-- Reply    tries so far, and the time until the window ends when this one was not counted
-- include clock

local key = KEYS[1] .. ':tries'
local max, length = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = now_us()

local kept = redis.call('HMGET', key, 'count', 'ends')
local count, ends = tonumber(kept[1] or 0), tonumber(kept[2] or 0)
if ends <= now then
  count, ends = 0, now + length
  redis.call('HSET', key, 'count', 0, 'ends', ends)
  redis.call('PEXPIREAT', key, math.ceil(ends / 1000))
end
if count >= max then
  return { count, ends - now }
end
return { redis.call('HINCRBY', key, 'count', 1), 0 }
