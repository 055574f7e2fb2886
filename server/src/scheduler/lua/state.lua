-- include records
-- include sorted-set
-- Twin of kernel/state.ts: what is known of the pool. The keys are in keys.ts.
--
-- Lua does not roll back: a step decides everything on what it has read, and writes when it is over. Scores and counts
-- are whole numbers below 2^53, which Redis formats as %.17g when they are arguments of a command, and cmsgpack packs as
-- integers; text made here says %.0f, because tostring says 1e+15.

local tenants = recordsNamed('tenants')
local jobs = recordsNamed('jobs')
local pods = recordsNamed('pods')
local room = setNamed('room')
local timers = setNamed('timers')
local heaviest = setNamed('heaviest')
local dead = setNamed('dead')

local pool, policy
local tierNamed = {}

local function nameTiers()
  for _, tier in ipairs(pool.tiers) do
    tierNamed[tier.name] = tier
  end
end

-- Reads the pool; false when nobody has configured it.
local function readPool()
  local packed = redis.call('MGET', KEYS[1], KEYS[1] .. ':policy')
  if not packed[1] then return false end
  pool, policy = cmsgpack.unpack(packed[1]), cmsgpack.unpack(packed[2])
  nameTiers()
  return true
end

-- A tier that nobody has used. Of `fresh`, `ready` and `capped` it knows how many tenants stand there.
local function createTier(name, weight)
  local tier =
    { name = name, weight = weight, tag = 0, clock = 0, activeWeight = 0, servedCost = 0, fresh = 0, ready = 0, capped = 0 }
  pool.tiers[#pool.tiers + 1] = tier
  tierNamed[name] = tier
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

local function numbered(id)
  pool.sequence = pool.sequence + 1
  return string.format('%013.0f:%s', pool.sequence, id)
end

local function idOf(name)
  return name:sub(15)
end

local function slotsOf()
  return math.min(pool.upstreamSlots, pool.workers)
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
