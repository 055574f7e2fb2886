-- Says what is spent of a budget, unless that is known: the twin of `seed` in memory-counters.ts.
--
-- KEYS[1]  root of the scope
-- ARGV     name of the budget, spent, when it may be forgotten in milliseconds

local key = KEYS[1] .. ':budget:' .. ARGV[1]
if redis.call('EXISTS', key) == 0 then
  redis.call('HSET', key, 'spent', ARGV[2], 'reserved', 0, 'limit', 0, 'told', 0)
  redis.call('PEXPIREAT', key, ARGV[3])
end
