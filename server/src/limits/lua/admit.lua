-- Takes from rates alone, all of them or none: what `take` does for who reserves nothing, and by far the most frequent step.
--
-- KEYS[1]  root of the scope
-- ARGV     of each rate: name, limit, amount, bound (0), shadow (0 or 1)
-- Reply    outcome, and of each rate: over, remaining, reset, retry after
-- include clock
-- include rate

local REFUSED = 1

local count = #ARGV / 5
if look_at_rates(1, count, now_us()) then
  reply[1] = REFUSED
else
  take_from_rates(1, count)
end
return reply
