-- include call
-- Twin of kernel/sorted-set.ts: names in order of score, then of name.
--
-- A step changes a set in its memory alone: `changes` holds new scores, and false for names that were removed. What is
-- stored stays as it is until the step is over, so a page of it that was read once holds.

-- Those of the step, by name.
local sets

local function setNamed(name)
  local set = sets[name]
  if not set then
    set = { key = KEYS[1] .. ':' .. name, changes = {} }
    sets[name] = set
  end
  return set
end

local function add(set, name, score)
  set.changes[name] = score
end

local function remove(set, name)
  set.changes[name] = false
end

-- The order of bytes; that of Lua depends on the locale of the server.
local function isBefore(one, other)
  for place = 1, min(#one, #other) do
    local a, b = one:byte(place), other:byte(place)
    if a ~= b then return a < b end
  end
  return #one < #other
end

local function comesFirst(name, score, otherName, otherScore)
  if score ~= otherScore then return score < otherScore end
  return isBefore(name, otherName)
end

-- The first unchanged entry as `command` reads them, ZRANGE or ZREVRANGE.
local function firstStored(set, command)
  local read = set[command]
  if not read then
    read = { page = {}, at = 1, passed = 0, size = 2 }
    set[command] = read
  end
  while true do
    local name = read.page[read.at]
    if not name then
      read.page = call(command, set.key, read.passed, read.passed + read.size - 1, 'WITHSCORES')
      if #read.page == 0 then return nil end
      read.at, read.passed, read.size = 1, read.passed + read.size, min(read.size * 4, 64)
    elseif set.changes[name] == nil then
      return name, tonumber(read.page[read.at + 1])
    else
      read.at = read.at + 2
    end
  end
end

local function first(set)
  local name, score = firstStored(set, 'ZRANGE')
  for other, otherScore in pairs(set.changes) do
    if otherScore and (not name or comesFirst(other, otherScore, name, score)) then
      name, score = other, otherScore
    end
  end
  return name, score
end

local function last(set)
  local name, score = firstStored(set, 'ZREVRANGE')
  for other, otherScore in pairs(set.changes) do
    if otherScore and (not name or comesFirst(name, score, other, otherScore)) then
      name, score = other, otherScore
    end
  end
  return name, score
end

-- The first names, at most `count`.
local function firstNames(set, count)
  local entries, changed = {}, 0
  for name, score in pairs(set.changes) do
    changed = changed + 1
    if score then entries[#entries + 1] = { name, score } end
  end
  local stored = call('ZRANGE', set.key, 0, count + changed - 1, 'WITHSCORES')
  for place = 1, #stored, 2 do
    if set.changes[stored[place]] == nil then
      entries[#entries + 1] = { stored[place], tonumber(stored[place + 1]) }
    end
  end
  sort(entries, function(one, other)
    return comesFirst(one[1], one[2], other[1], other[2])
  end)
  local names = {}
  for place = 1, min(count, #entries) do
    names[place] = entries[place][1]
  end
  return names
end
