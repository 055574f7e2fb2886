-- Checks everything that is asked for, and takes all of it or nothing: the twin of kernel/take.ts.
--
-- KEYS[1]  root of the scope
-- ARGV     id of the reservation or '', when it expires;
--          how many rates,   and of each: name, limit, amount, bound (0 or 1), shadow (0 or 1);
--          how many places,  and of each: name, limit, shadow (0 or 1);
--          how many budgets, and of each: name, limit, cost, mode
-- Reply    outcome, and unless nothing was done
--          of each rate: over, remaining, reset, retry after; of each place: over, in use; of each budget: over, spent, reserved
-- include clock
-- include scope

local TAKEN, REFUSED, UNSEEDED, REPEATED = 0, 1, 2, 3

local now = now_us()
local at = 0
local function next_text()
  at = at + 1
  return ARGV[at]
end
local function next_number()
  return tonumber(next_text())
end
local function next_list(read)
  local list = {}
  for index = 1, next_number() do
    list[index] = read()
  end
  return list
end

local id, expires = next_text(), next_number()
local rates = next_list(function()
  return { name = next_text(), limit = next_number(), amount = next_number(), bound = next_text() == '1', shadow = next_text() == '1' }
end)
local places = next_list(function()
  return { name = next_text(), limit = next_number(), shadow = next_text() == '1' }
end)
local budgets = next_list(function()
  return { name = next_text(), limit = next_number(), cost = next_number(), mode = next_text() }
end)

if id ~= '' or #budgets > 0 then
  give_back_expired(now)
end
if id ~= '' and (redis.call('HEXISTS', root .. ':held', id) == 1 or is_settled(id, now)) then
  return { REPEATED }
end
for _, budget in ipairs(budgets) do
  budget.key = root .. ':budget:' .. budget.name
  local kept = redis.call('HMGET', budget.key, 'spent', 'reserved')
  if not kept[1] then
    return { UNSEEDED }
  end
  budget.spent, budget.reserved = tonumber(kept[1]), tonumber(kept[2])
end

local refused = false
local reply = { TAKEN }
local function tell(over, ...)
  reply[#reply + 1] = over and 1 or 0
  for _, number in ipairs({ ... }) do
    reply[#reply + 1] = number
  end
end

for _, rate in ipairs(rates) do
  local kept = tonumber(redis.call('GET', root .. ':rate:' .. rate.name) or nil)
  local before = arrival_us(kept, now) - now
  local after = before + width_us(rate.amount, rate.limit)
  rate.over = rate.amount > 0 and after > WINDOW_US
  rate.arrival = now + after
  local used = rate.over and before or after
  local remaining = math.max(0, math.floor((WINDOW_US - used) * rate.limit / WINDOW_US))
  tell(rate.over, remaining, used, rate.over and after - WINDOW_US or 0)
  refused = refused or (rate.over and not rate.shadow)
end
for _, place in ipairs(places) do
  local in_use = redis.call('ZCOUNT', root .. ':place:' .. place.name, '(' .. whole(now), '+inf')
  place.over = in_use >= place.limit
  tell(place.over, in_use)
  refused = refused or (place.over and not place.shadow)
end
for _, budget in ipairs(budgets) do
  local limited = budget.limit > 0 and budget.cost > 0 and budget.mode ~= 'soft'
  budget.over = limited and budget.spent + budget.reserved + budget.cost > budget.limit
  tell(budget.over, budget.spent, budget.reserved)
  refused = refused or (budget.over and budget.mode ~= 'shadow')
end
if refused then
  reply[1] = REFUSED
  return reply
end

local held = { rates = {}, places = {}, budgets = {} }
for _, rate in ipairs(rates) do
  if not rate.over then
    if rate.amount > 0 then
      keep_rate(rate.name, rate.arrival)
    end
    if rate.bound then
      held.rates[#held.rates + 1] = { rate.name, rate.limit, rate.amount }
    end
  end
end
if id == '' then
  return reply
end
for _, place in ipairs(places) do
  if not place.over then
    redis.call('ZADD', root .. ':place:' .. place.name, whole(expires), id)
    held.places[#held.places + 1] = place.name
  end
end
for _, budget in ipairs(budgets) do
  redis.call('HINCRBY', budget.key, 'reserved', whole(budget.cost))
  redis.call('HSET', budget.key, 'limit', whole(budget.limit))
  held.budgets[#held.budgets + 1] = { budget.name, budget.cost }
end
redis.call('HSET', root .. ':held', id, cmsgpack.pack(held))
redis.call('ZADD', root .. ':open', whole(expires), id)
return reply
