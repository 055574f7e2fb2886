-- What a step is given: as a script has them, but of the call that is being answered. And the pod that asks.

local KEYS, ARGV, podId

-- What a step uses of Redis and Lua: there only while a step is taken, and slow to be looked up each time.
local call, packThing, unpackThing, jsonThing, format, sort, min, max, floor, ceil
local next, pairs, ipairs, tonumber, unpack, error

local function learn()
  call, packThing, unpackThing, jsonThing = redis.call, cmsgpack.pack, cmsgpack.unpack, cjson.decode
  format, sort, min, max, floor, ceil = string.format, table.sort, math.min, math.max, math.floor, math.ceil
  next, pairs, ipairs, tonumber, unpack, error = _G.next, _G.pairs, _G.ipairs, _G.tonumber, _G.unpack, _G.error
end
