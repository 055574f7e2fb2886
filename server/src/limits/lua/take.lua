-- Checks everything that is asked for, and takes all of it or nothing: the twin of kernel/take.ts.
--
-- KEYS[1]  root of the scope
-- ARGV     id of the reservation, when it expires;
--          how many rates,   and of each: name, limit, amount, bound (0 or 1), shadow (0 or 1);
--          how many places,  and of each: name, limit, shadow (0 or 1);
--          how many budgets, and of each: name, limit, cost, mode
--          An id of '' reserves nothing and asks for no places.
-- Reply    outcome, and unless nothing was done
--          of each rate: over, remaining, reset, retry after; of each place: over, in use; of each budget: over, spent, reserved
-- include clock
-- include rate
-- include held

local TAKEN, REFUSED, UNSEEDED, REPEATED = 0, 1, 2, 3

local id, expires = ARGV[1], tonumber(ARGV[2])
local rates_count, first_rate = tonumber(ARGV[3]), 4
local first_place = first_rate + 5 * rates_count + 1
local places_count = tonumber(ARGV[first_place - 1])
local first_budget = first_place + 3 * places_count + 1
local budgets_count = tonumber(ARGV[first_budget - 1])

local now = now_us()
give_back_expired(now)
if id ~= '' and (redis.call('HEXISTS', root .. ':held', id) == 1 or is_settled(id, now)) then
  return { REPEATED }
end

local budgets = {}
for index = 1, budgets_count do
  local at = first_budget + 4 * (index - 1)
  local key = root .. ':budget:' .. ARGV[at]
  local kept = redis.call('HMGET', key, 'spent', 'reserved', 'limit')
  if not kept[1] then
    return { UNSEEDED }
  end
  budgets[index] = { at = at, key = key, spent = tonumber(kept[1]), reserved = tonumber(kept[2]), limit = kept[3] }
end

local refused = look_at_rates(first_rate, rates_count, now)

local fitting = {}
for index = 1, places_count do
  local at = first_place + 3 * (index - 1)
  local in_use = redis.call('ZCOUNT', root .. ':place:' .. ARGV[at], '(' .. string.format('%.0f', now), '+inf')
  local over = in_use >= tonumber(ARGV[at + 1])
  reply[#reply + 1] = over and 1 or 0
  reply[#reply + 1] = in_use
  if not over then
    fitting[#fitting + 1] = ARGV[at]
  elseif ARGV[at + 2] == '0' then
    refused = true
  end
end

for _, budget in ipairs(budgets) do
  local limit, cost, mode = tonumber(ARGV[budget.at + 1]), tonumber(ARGV[budget.at + 2]), ARGV[budget.at + 3]
  local limited = limit > 0 and cost > 0 and mode ~= 'soft'
  local over = limited and budget.spent + budget.reserved + cost > limit
  reply[#reply + 1] = over and 1 or 0
  reply[#reply + 1] = budget.spent
  reply[#reply + 1] = budget.reserved
  refused = refused or (over and mode ~= 'shadow')
end

if refused then
  reply[1] = REFUSED
  return reply
end

take_from_rates(first_rate, rates_count)
if id == '' then
  return reply
end
local held = { rates = {}, places = fitting, budgets = {} }
for index = 0, rates_count - 1 do
  local at = first_rate + 5 * index
  if arrivals[index] and ARGV[at + 3] == '1' then
    held.rates[#held.rates + 1] = { ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]) }
  end
end
for _, name in ipairs(fitting) do
  redis.call('ZADD', root .. ':place:' .. name, expires, id)
end
for index, budget in ipairs(budgets) do
  local name, limit, cost = ARGV[budget.at], ARGV[budget.at + 1], tonumber(ARGV[budget.at + 2])
  if cost > 0 then
    redis.call('HINCRBY', budget.key, 'reserved', cost)
  end
  if budget.limit ~= limit then
    redis.call('HSET', budget.key, 'limit', limit)
  end
  held.budgets[index] = { name, cost }
end
redis.call('HSET', root .. ':held', id, cmsgpack.pack(held))
redis.call('ZADD', root .. ':open', expires, id)
return reply
