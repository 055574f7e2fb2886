-- The rates of a scope: the twin of kernel/rate.ts. KEYS[1] is the root of the scope; ROOT:rate:NAME holds an arrival time in
-- microseconds and is gone once that has passed.

local WINDOW_US = 60000000

local root = KEYS[1]

-- What scripts reply: the outcome, then what `look_at_rates` and others tell.
local reply = { 0 }

local function width_us(amount, limit)
  return math.ceil(amount * WINDOW_US / limit)
end

local function arrival_us(kept, now)
  return math.min(math.max(kept or now, now), now + 2 * WINDOW_US)
end

local function rate_key(name)
  return root .. ':rate:' .. name
end

local function keep_rate(name, arrival)
  redis.call('SET', rate_key(name), arrival, 'PXAT', math.ceil(arrival / 1000))
end

-- The arrival times of rates after taking from them, by the place of the rate; none where a rate is over.
local arrivals = {}

-- Looks at rates, of which ARGV has from `first` on: name, limit, amount, bound (0 or 1), shadow (0 or 1). Replies of each:
-- over, remaining, reset, retry after. Returns whether one is over that is enforced.
local function look_at_rates(first, count, now)
  local refused = false
  for index = 0, count - 1 do
    local at = first + 5 * index
    local limit, amount = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
    local before = arrival_us(tonumber(redis.call('GET', rate_key(ARGV[at])) or nil), now) - now
    local after = before + width_us(amount, limit)
    local over = amount > 0 and after > WINDOW_US
    local used = over and before or after
    local told = #reply
    reply[told + 1] = over and 1 or 0
    reply[told + 2] = math.max(0, math.floor((WINDOW_US - used) * limit / WINDOW_US))
    reply[told + 3] = used
    reply[told + 4] = over and after - WINDOW_US or 0
    if not over then
      arrivals[index] = now + after
    elseif ARGV[at + 4] == '0' then
      refused = true
    end
  end
  return refused
end

-- Takes from the rates that were looked at, where there is something to take and it fits.
local function take_from_rates(first, count)
  for index = 0, count - 1 do
    local at = first + 5 * index
    if arrivals[index] and ARGV[at + 2] ~= '0' then
      keep_rate(ARGV[at], arrivals[index])
    end
  end
end
