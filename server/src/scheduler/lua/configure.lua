-- include transition
-- Twin of `createPoolState` in kernel/state.ts and of `configure` in kernel/administer.ts: begins a pool that is not there,
-- and shares it by a policy from now on.
--
-- KEYS  1 the pool
-- ARGV  1 nothing, 2 generation and 3 upstream slots of a pool that begins, 4 the policy as JSON, then of each tier: name,
--       weight
-- Reply status, has more, messages
-- Cost  O(tiers), and the grants it ends with, at most 64

local function createPool()
  pool = {
    generation = ARGV[2],
    sequence = 0,
    nowMs = 0,
    upstreamSlots = tonumber(ARGV[3]),
    workers = 0,
    inFlight = 0,
    ghosts = 0,
    queuedAttached = 0,
    queuedDetached = 0,
    dead = 0,
    clock = 0,
    activeTierWeight = 0,
    areCapsStale = false,
    dueFromMs = never,
    tiers = {},
  }
end

local function configure(newPolicy)
  for place = 5, #ARGV, 2 do
    local name, weight = ARGV[place], tonumber(ARGV[place + 1])
    local tier = tierNamed[name]
    if tier then
      if tier.activeWeight > 0 then pool.activeTierWeight = pool.activeTierWeight + weight - tier.weight end
      tier.weight = weight
    else
      createTier(name, weight)
    end
  end
  policy = newPolicy
  call('SET', KEYS[1] .. ':policy', packThing(policy))
  pool.areCapsStale = true
  return 'ok'
end

-- A pool that is not there begins with the new policy.
local function readOrCreatePool()
  if readPool() then return true end
  createPool()
  policy = jsonThing(ARGV[4])
  return true
end

register('configure', function()
  return configure(jsonThing(ARGV[4]))
end, readOrCreatePool)
