-- include state
-- Twin of kernel/fairness.ts: hierarchical start-time fair queueing. The reasons are there.

local tagScale = 300

local function advance(cost, weight)
  return floor(cost * tagScale / weight)
end

local function setTag(tier, tenant, tag)
  if tag == tenant.tag then return end
  tenant.tag = tag
  touch(tenants, tenant)
  if tenant.standing then add(tierSet(tier, tenant.standing), tenant.name, tag) end
end

local function charge(tenant, from, to)
  if from == to then return end
  local tier = tierOf(tenant)
  tier.tag = tier.tag + advance(to, tier.weight) - advance(from, tier.weight)
  tier.servedCost = tier.servedCost + to - from
  setTag(tier, tenant, tenant.tag + advance(to, tenant.weight) - advance(from, tenant.weight))
end

local function tick(tenant)
  local tier = tierOf(tenant)
  tier.clock = max(tier.clock, tenant.tag)
  pool.clock = max(pool.clock, tier.tag)
end

local function capOf(tenant)
  local slots = slotsOf()
  local literal = max(floor(slots * policy.capPercent / 100), 1)
  if policy.capPolicy == 'strict' or not tenant.isActive then return literal end
  local tier = tierOf(tenant)
  local part = slots * tier.weight * tenant.weight
  return max(literal, ceil(part / (pool.activeTierWeight * tier.activeWeight)))
end

local function shareMillionthsOf(tenant)
  local tier = tierOf(tenant)
  return floor(1000000 * tier.weight * tenant.weight / (pool.activeTierWeight * tier.activeWeight))
end

local function waitingOf(tenant)
  return tenant.attached + tenant.detached
end

local function standingOf(tenant)
  if waitingOf(tenant) == 0 or tenant.isPaused then return nil end
  if tenant.inFlight == 0 then return 'fresh' end
  return tenant.inFlight < capOf(tenant) and 'ready' or 'capped'
end

local function addWeight(tier, weight)
  local was = tier.activeWeight > 0
  tier.activeWeight = tier.activeWeight + weight
  local is = tier.activeWeight > 0
  if was ~= is then pool.activeTierWeight = pool.activeTierWeight + (is and tier.weight or -tier.weight) end
  pool.areCapsStale = true
end

local function count(tenant)
  local isActive = tenant.inFlight > 0 or (waitingOf(tenant) > 0 and not tenant.isPaused)
  if isActive == tenant.isActive then return end
  tenant.isActive = isActive
  touch(tenants, tenant)
  addWeight(tierOf(tenant), isActive and tenant.weight or -tenant.weight)
end

local function floorOf(clock, weight)
  return clock - advance(policy.costMax, weight)
end

local function liftTenant(tier, tenant)
  setTag(tier, tenant, max(tenant.tag, floorOf(tier.clock, tenant.weight)))
end

local function join(tenant)
  local tier = tierOf(tenant)
  setTag(tier, tenant, max(tenant.tag, tier.clock))
end

local function isEligible(tier)
  return tier.fresh + tier.ready > 0
end

local function isPresent(tier)
  return isEligible(tier) or tier.capped > 0
end

-- Takes a tenant out of where it stands.
local function unstand(tier, tenant)
  tier[tenant.standing] = tier[tenant.standing] - 1
  remove(tierSet(tier, tenant.standing), tenant.name)
  tenant.standing = nil
end

local function place(tenant)
  count(tenant)
  local tier = tierOf(tenant)
  local was, is = tenant.standing, standingOf(tenant)
  if was == is then return end
  local wasPresent, wasEligible = isPresent(tier), isEligible(tier)
  if was then unstand(tier, tenant) end
  tenant.standing = is
  touch(tenants, tenant)
  if is then
    tier[is] = tier[is] + 1
    add(tierSet(tier, is), tenant.name, tenant.tag)
  end
  if was == 'capped' and is then liftTenant(tier, tenant) end
  if not wasPresent and isPresent(tier) then
    tier.tag = max(tier.tag, pool.clock)
  elseif not wasEligible and isEligible(tier) then
    tier.tag = max(tier.tag, floorOf(pool.clock, tier.weight))
  end
end
