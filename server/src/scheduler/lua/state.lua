-- include records
-- include sorted-set
-- Twin of kernel/state.ts: what is known of the pool. The keys are in keys.ts.
--
-- Lua does not roll back: a step decides everything on what it has read, and writes when it is over. Scores and counts
-- are whole numbers below 2^53, which Redis formats as %.17g when they are arguments of a command, and cmsgpack packs as
-- integers; text made here says %.0f, because tostring says 1e+15.

-- What a step works on.
local tenants, jobs, pods = recordsNamed('tenants'), recordsNamed('jobs'), recordsNamed('pods')
local pool, policy, tierNamed

-- The policy that was read last, and its text.
local lastPolicy, lastPolicyText
-- A time and a tag that never come.
local never = 2 ^ 53

-- Begins a call: one step, or several.
local function beginCall(keys)
  if not call then learn() end
  KEYS = keys
  sets = {}
  forgetRecords(tenants)
  forgetRecords(jobs)
  forgetRecords(pods)
  pool, policy, tierNamed = nil, nil, {}
end

-- Reads the pool; false when nobody has configured it.
local function readPool()
  local texts = call('MGET', KEYS[1], KEYS[1] .. ':policy')
  if not texts[1] then return false end
  if texts[2] ~= lastPolicyText then
    lastPolicy, lastPolicyText = unpackThing(texts[2]), texts[2]
  end
  pool, policy = unpackText(texts[1]), lastPolicy
  for _, tier in ipairs(pool.tiers) do
    tierNamed[tier.name] = tier
  end
  return true
end

-- A tier that nobody has used. Of `fresh`, `ready` and `capped` it knows how many tenants stand there; no tag that is parked
-- is before `parkedFrom`.
local function createTier(name, weight)
  local tier = {
    name = name,
    weight = weight,
    tag = 0,
    clock = 0,
    activeWeight = 0,
    servedCost = 0,
    fresh = 0,
    ready = 0,
    capped = 0,
    parkedFrom = never,
  }
  pool.tiers[#pool.tiers + 1] = tier
  tierNamed[name] = tier
end

local function room()
  return setNamed('room')
end

local function timers()
  return setNamed('timers')
end

local function heaviest()
  return setNamed('heaviest')
end

local function dead()
  return setNamed('dead')
end

-- The tenants of a tier that stand so, or that are parked.
local function tierSet(tier, standing)
  return setNamed(standing .. ':' .. tier.name)
end

-- The jobs of a kind that a tenant has waiting.
local function queueOf(tenant, kind)
  return setNamed(kind .. ':' .. tenant.id)
end

local function jobsOf(pod)
  return setNamed('jobs:' .. pod.id)
end

-- No timer is before `dueFromMs` of the pool.
local function addTimer(name, atMs)
  pool.dueFromMs = min(pool.dueFromMs, atMs)
  add(timers(), name, atMs)
end

local function numbered(id)
  pool.sequence = pool.sequence + 1
  return format('%013.0f:%s', pool.sequence, id)
end

local function idOf(name)
  return name:sub(15)
end

local function slotsOf()
  return min(pool.upstreamSlots, pool.workers)
end

local function freeSlots()
  return slotsOf() - pool.inFlight - pool.ghosts
end

local function found(thing, name)
  return thing or error('The scheduler has lost ' .. name .. '.')
end

local function tierOf(tenant)
  return found(tierNamed[tenant.tier], 'a tier')
end

local function tenantOf(job)
  return found(get(tenants, job.tenantId), 'a tenant')
end
