-- Replaces what a reservation holds by what was used, once: the twin of `settle` in kernel/held.ts.
--
-- KEYS[1]  root of the scope
-- ARGV     id of the reservation, amount used of every rate that was bound, cost;
--          names of the budgets to charge when the reservation is not known any more
-- Reply    name and level of each budget of which more is spent than a level, for the first time
-- include clock
-- include rate
-- include held

local LEVELS = { 100, 80, 50 }

local id, amount, cost = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = now_us()
local crossings = {}

local function spend(name)
  local key = root .. ':budget:' .. name
  if redis.call('EXISTS', key) == 0 then
    return
  end
  local spent = redis.call('HINCRBY', key, 'spent', cost)
  local kept = redis.call('HMGET', key, 'limit', 'told')
  local limit, told = tonumber(kept[1]), tonumber(kept[2])
  for _, level in ipairs(LEVELS) do
    if limit > 0 and spent >= limit / 100 * level then
      if level > told then
        redis.call('HSET', key, 'told', level)
        crossings[#crossings + 1] = name
        crossings[#crossings + 1] = level
      end
      return
    end
  end
end

give_back_expired(now)
if is_settled(id, now) then
  return crossings
end
local ends = math.max(tonumber(redis.call('ZSCORE', root .. ':open', id) or nil) or now, now) + MEMORY_US
local held = held_by(id)
if held then
  release(id, held, amount, now)
end
remember_settled(id, ends, now)
if held then
  for _, budget in ipairs(held.budgets) do
    spend(budget[1])
  end
else
  for index = 4, #ARGV do
    spend(ARGV[index])
  end
end
return crossings
