-- The counters of a scope, and what is done to them in more than one script: the twin of kernel/rate.ts and
-- kernel/held.ts. KEYS[1] is the root of the scope; its other keys begin with it and so share its hash tag:
--
--   ROOT:rate:NAME     arrival time in microseconds; gone once it has passed
--   ROOT:place:NAME    sorted set of reservations by the time they expire
--   ROOT:budget:NAME   hash of spent, reserved, limit and told; gone a day after its period
--   ROOT:held          hash of what each reservation holds
--   ROOT:open          sorted set of reservations by the time they expire
--   ROOT:settled       sorted set of reservations that were settled, by the time until which that is remembered

local WINDOW_US = 60000000
local MEMORY_US = 180000000
local SWEEP_MAX = 100

local root = KEYS[1]

local function whole(number)
  return string.format('%.0f', number)
end

local function ms_after(us)
  return whole(math.ceil(us / 1000))
end

-- Rates.

local function width_us(amount, limit)
  return math.ceil(amount * WINDOW_US / limit)
end

local function arrival_us(kept, now)
  return math.min(math.max(kept or now, now), now + 2 * WINDOW_US)
end

local function keep_rate(name, arrival)
  redis.call('SET', root .. ':rate:' .. name, whole(arrival), 'PXAT', ms_after(arrival))
end

local function correct_rate(name, limit, from, to, now)
  local kept = tonumber(redis.call('GET', root .. ':rate:' .. name) or nil)
  keep_rate(name, arrival_us(arrival_us(kept, now) + width_us(to, limit) - width_us(from, limit), now))
end

-- Reservations.

local function is_settled(id, now)
  local until_us = redis.call('ZSCORE', root .. ':settled', id)
  return until_us ~= false and tonumber(until_us) > now
end

-- Remembers that a reservation was settled, and forgets what is remembered for too long.
local function remember_settled(id, until_us, now)
  local key = root .. ':settled'
  local passed = redis.call('ZRANGEBYSCORE', key, '-inf', whole(now), 'LIMIT', 0, SWEEP_MAX)
  if #passed > 0 then
    redis.call('ZREM', key, unpack(passed))
  end
  redis.call('ZADD', key, whole(until_us), id)
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  redis.call('PEXPIREAT', key, ms_after(tonumber(last[2])))
end

-- Lets go of a reservation, of whose rates an amount was used.
local function release(id, held, amount, now)
  redis.call('HDEL', root .. ':held', id)
  redis.call('ZREM', root .. ':open', id)
  for _, rate in ipairs(held.rates) do
    correct_rate(rate[1], rate[2], rate[3], amount, now)
  end
  for _, name in ipairs(held.places) do
    redis.call('ZREM', root .. ':place:' .. name, id)
  end
  for _, budget in ipairs(held.budgets) do
    local key = root .. ':budget:' .. budget[1]
    if redis.call('EXISTS', key) == 1 then
      redis.call('HINCRBY', key, 'reserved', whole(0 - budget[2]))
    end
  end
end

local function held_by(id)
  local packed = redis.call('HGET', root .. ':held', id)
  return packed and cmsgpack.unpack(packed)
end

-- Gives back what is reserved for work whose time has passed.
local function give_back_expired(now)
  local ids = redis.call('ZRANGEBYSCORE', root .. ':open', '-inf', whole(now), 'LIMIT', 0, SWEEP_MAX)
  for _, id in ipairs(ids) do
    release(id, held_by(id), 0, now)
  end
end
