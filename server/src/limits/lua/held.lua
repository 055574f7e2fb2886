-- What is reserved, and what is done to it in more than one script: the twin of kernel/held.ts. Goes after rate.lua. The
-- keys of a scope begin with its root and so share its hash tag:
--
--   ROOT:place:NAME    sorted set of reservations by the time they expire
--   ROOT:budget:NAME   hash of spent, reserved, limit and told; gone a day after its period
--   ROOT:held          hash of what each reservation holds
--   ROOT:open          sorted set of reservations by the time they expire
--   ROOT:settled       sorted set of reservations that were settled, by the time until which that is remembered

local MEMORY_US = 180000000
local SWEEP_MAX = 100

local function is_settled(id, now)
  local until_us = redis.call('ZSCORE', root .. ':settled', id)
  return until_us ~= false and tonumber(until_us) > now
end

-- Remembers that a reservation was settled, and forgets others a window after their time: a clock that is set back by less
-- than that forgets nothing too early.
local function remember_settled(id, until_us, now)
  local key = root .. ':settled'
  local passed = redis.call('ZRANGEBYSCORE', key, '-inf', now - WINDOW_US, 'LIMIT', 0, SWEEP_MAX)
  if #passed > 0 then
    redis.call('ZREM', key, unpack(passed))
  end
  redis.call('ZADD', key, until_us, id)
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  redis.call('PEXPIREAT', key, math.ceil((tonumber(last[2]) + WINDOW_US) / 1000))
end

-- Lets go of a reservation, of whose rates an amount was used.
local function release(id, held, amount, now)
  redis.call('HDEL', root .. ':held', id)
  redis.call('ZREM', root .. ':open', id)
  for _, rate in ipairs(held.rates) do
    local name, limit, reserved = rate[1], rate[2], rate[3]
    local kept = arrival_us(tonumber(redis.call('GET', rate_key(name)) or nil), now)
    keep_rate(name, arrival_us(kept + width_us(amount, limit) - width_us(reserved, limit), now))
  end
  for _, name in ipairs(held.places) do
    redis.call('ZREM', root .. ':place:' .. name, id)
  end
  for _, budget in ipairs(held.budgets) do
    local key = root .. ':budget:' .. budget[1]
    if budget[2] ~= 0 and redis.call('EXISTS', key) == 1 then
      redis.call('HINCRBY', key, 'reserved', 0 - budget[2])
    end
  end
end

local function held_by(id)
  local packed = redis.call('HGET', root .. ':held', id)
  return packed and cmsgpack.unpack(packed)
end

-- Gives back what is reserved for work whose time has passed.
local function give_back_expired(now)
  local ids = redis.call('ZRANGEBYSCORE', root .. ':open', '-inf', now, 'LIMIT', 0, SWEEP_MAX)
  for _, id in ipairs(ids) do
    release(id, held_by(id), 0, now)
  end
end
