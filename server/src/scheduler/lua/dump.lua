-- include transition
-- Twin of kernel/dump.ts: everything that is known of the pool, in one piece.
--
-- KEYS  1 the pool
-- Reply JSON as PoolDump has it, with its members in the same order; nothing when nobody has configured the pool
-- Cost  O(n) in all there is: to look at, never for work

local poolMembers = {
  'generation', 'sequence', 'nowMs', 'upstreamSlots', 'workers', 'inFlight', 'ghosts', 'queuedAttached', 'queuedDetached',
  'clock', 'activeTierWeight', 'tiers', 'tenants', 'jobs', 'pods', 'room', 'timers', 'heaviest', 'dead',
}
local tierMembers = { 'weight', 'tag', 'clock', 'activeWeight', 'servedCost', 'fresh', 'ready', 'capped', 'parked' }
local tenantMembers = {
  'id', 'name', 'tier', 'weight', 'tag', 'standing', 'isPaused', 'isActive', 'inFlight', 'queuedCost', 'attached', 'detached',
}
local jobMembers = {
  'id', 'name', 'tenantId', 'tier', 'weight', 'kind', 'estimatedCost', 'priority', 'order', 'state', 'podId', 'nonce',
  'chargedCost', 'attempts', 'deaths', 'queuedAtMs', 'deadlineMs',
}
local podMembers = { 'id', 'workers', 'inFlight', 'jobs', 'inbox' }

-- What is JSON already.
local function written(json)
  return { json = json }
end

local function jsonOf(value)
  if type(value) == 'table' then return value.json end
  if type(value) == 'number' then return format('%.0f', value + 0) end
  return type(value) == 'string' and '"' .. value .. '"' or tostring(value)
end

local function list(items)
  return written('[' .. table.concat(items, ',') .. ']')
end

local function object(thing, members)
  local parts = {}
  for _, member in ipairs(members) do
    if thing[member] ~= nil then parts[#parts + 1] = '"' .. member .. '":' .. jsonOf(thing[member]) end
  end
  return written('{' .. table.concat(parts, ',') .. '}')
end

-- A set with its scores; `count` is what the pool believes its size to be.
local function ranking(set, count)
  local entries = call('ZRANGE', set.key, 0, -1, 'WITHSCORES')
  if count and count ~= #entries / 2 then error(set.key .. ' was miscounted.') end
  local parts = {}
  for place = 1, #entries, 2 do
    parts[#parts + 1] = format('["%s",%.0f]', entries[place], entries[place + 1] + 0)
  end
  return list(parts)
end

-- Things by their ids, in the order of these.
local function byId(things, members)
  sort(things, function(one, other)
    return isBefore(one.id, other.id)
  end)
  local parts = {}
  for _, thing in ipairs(things) do
    parts[#parts + 1] = '"' .. thing.id .. '":' .. jsonOf(object(thing, members))
  end
  return written('{' .. table.concat(parts, ',') .. '}')
end

-- All records, once `complete` has added the sets that belong to each.
local function everyRecordOf(records, complete, members)
  local things = {}
  for _, packed in ipairs(call('HVALS', records.key)) do
    local thing = unpackThing(packed)
    complete(thing)
    things[#things + 1] = thing
  end
  return byId(things, members)
end

local function completeTier(tier)
  tier.id = tier.name
  for _, standing in ipairs({ 'fresh', 'ready', 'capped', 'parked' }) do
    tier[standing] = ranking(tierSet(tier, standing), tier[standing])
  end
end

local function completeTenant(tenant)
  for _, kind in ipairs({ 'attached', 'detached' }) do
    tenant[kind] = ranking(queueOf(tenant, kind), tenant[kind])
  end
end

local function completePod(pod)
  pod.jobs = ranking(jobsOf(pod))
  pod.inbox = list(call('LRANGE', KEYS[1] .. ':inbox:' .. pod.id, 0, -1))
end

redis.register_function(library .. 'dump', function(keys, arguments)
  beginCall(keys)
  if not readPool() then return nil end
  for _, tier in ipairs(pool.tiers) do
    completeTier(tier)
  end
  pool.tiers = byId(pool.tiers, tierMembers)
  pool.tenants = everyRecordOf(tenants, completeTenant, tenantMembers)
  pool.jobs = everyRecordOf(jobs, function() end, jobMembers)
  pool.pods = everyRecordOf(pods, completePod, podMembers)
  pool.room, pool.timers, pool.heaviest = ranking(room()), ranking(timers()), ranking(heaviest())
  pool.dead = ranking(dead(), pool.dead)
  return jsonOf(object(pool, poolMembers))
end)
