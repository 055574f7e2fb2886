-- Everything that is kept of a scope, one line each, for tests and for whoever looks for a fault. It looks at all keys of
-- the server, so it is nothing for one that works.
--
-- KEYS[1]  root of the scope
-- include clock
-- include rate
-- include held

local now = now_us()
local lines = {}
local function line(...)
  local words = {}
  for index, word in ipairs({ ... }) do
    words[index] = type(word) == 'number' and string.format('%.0f', word) or word
  end
  lines[#lines + 1] = table.concat(words, ' ')
end

for _, key in ipairs(redis.call('KEYS', root .. ':*')) do
  local kind, name = string.match(string.sub(key, #root + 2), '^(%a+):?(.*)$')
  if kind == 'rate' and tonumber(redis.call('GET', key)) > now then
    line('rate', name, redis.call('GET', key))
  elseif kind == 'place' then
    local places = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for index = 1, #places, 2 do
      line('place', name, places[index], tonumber(places[index + 1]))
    end
  elseif kind == 'budget' then
    line('budget', name, unpack(redis.call('HMGET', key, 'spent', 'reserved', 'limit', 'told')))
  elseif kind == 'held' then
    for _, id in ipairs(redis.call('HKEYS', key)) do
      local held = held_by(id)
      line('held', id, tonumber(redis.call('ZSCORE', root .. ':open', id)))
      for _, rate in ipairs(held.rates) do
        line('held', id, 'rate', unpack(rate))
      end
      for _, place in ipairs(held.places) do
        line('held', id, 'place', place)
      end
      for _, budget in ipairs(held.budgets) do
        line('held', id, 'budget', unpack(budget))
      end
    end
  elseif kind == 'settled' then
    local settled = redis.call('ZRANGEBYSCORE', key, '(' .. string.format('%.0f', now), '+inf', 'WITHSCORES')
    for index = 1, #settled, 2 do
      line('settled', settled[index], tonumber(settled[index + 1]))
    end
  end
end
return lines
