-- include flights
-- Twin of kernel/grant.ts: gives the free slots to whoever is next.

local grantsMax = 64
local letGoMax = 2

-- The tenant with the least tag in the tier with the least tag, among those that stand as said.
local function leastOf(one, other)
  local least
  for _, tier in ipairs(pool.tiers) do
    local isThere = tier[one] > 0 or (other and tier[other] > 0)
    if isThere and (not least or tier.tag < least.tag) then least = tier end
  end
  if not least then return nil end
  local name, tag
  if least[one] > 0 then name, tag = first(tierSet(least, one)) end
  if other and least[other] > 0 then
    local otherName, otherTag = first(tierSet(least, other))
    if not name or comesFirst(otherName, otherTag, name, tag) then name = otherName end
  end
  return found(get(tenants, idOf(name)), 'a tenant')
end

local function leastBelowCap()
  while true do
    local tenant = leastOf('fresh', 'ready')
    if not tenant or tenant.inFlight < capOf(tenant) then return tenant end
    place(tenant)
  end
end

local function nextTenant()
  local free = freeSlots()
  if free <= 0 then return nil end
  if free <= policy.headroomSlots then return leastOf('fresh') end
  local below = leastBelowCap()
  if below or policy.capPolicy == 'strict' then return below end
  return leastOf('capped')
end

-- The first of a tenant's jobs, of either kind.
local function firstJobOf(tenant)
  local name, order
  if tenant.attached > 0 then name, order = first(queueOf(tenant, 'attached')) end
  if tenant.detached > 0 then
    local otherName, otherOrder = first(queueOf(tenant, 'detached'))
    if not name or comesFirst(otherName, otherOrder, name, order) then name = otherName end
  end
  return found(name and get(jobs, idOf(name)), 'a job')
end

local function tellGrant(job)
  local waitedMs = pool.nowMs - job.queuedAtMs
  tell(job.podId, grantedMessage, job.id, job.tenantId, job.kind, job.nonce, job.attempts, waitedMs)
end

local function letGo(tier)
  for _ = 1, letGoMax do
    if tier.parkedFrom > tier.clock then return end
    local parked = tierSet(tier, 'parked')
    local name, tag = first(parked)
    tier.parkedFrom = tag or never
    if tier.parkedFrom > tier.clock then return end
    remove(parked, name)
    delete(tenants, idOf(name))
  end
end

local function grantTo(tenant)
  local job = firstJobOf(tenant)
  local podIdOfJob = job.podId or last(room())
  local pod = podIdOfJob and get(pods, podIdOfJob)
  if job.deadlineMs <= pool.nowMs or not pod then
    tell(job.podId, endedMessage, job.id, pod and 'expired' or 'pod_died')
    drop(job)
    return
  end
  tick(tenant)
  unqueue(job)
  takeOff(job, pod, nonce())
  charge(tenant, 0, job.estimatedCost)
  job.chargedCost = job.estimatedCost
  place(tenant)
  letGo(tierOf(tenant))
  tellGrant(job)
end

local function liftCaps()
  pool.areCapsStale = false
  for _, tier in ipairs(pool.tiers) do
    if tier.capped > 0 then
      for _, name in ipairs(firstNames(tierSet(tier, 'capped'), tier.capped)) do
        place(found(get(tenants, idOf(name)), 'a tenant'))
      end
    end
  end
end

local function grant()
  for _ = 1, grantsMax do
    if pool.areCapsStale then liftCaps() end
    local tenant = nextTenant()
    if not tenant then return end
    grantTo(tenant)
  end
  hasMore = nextTenant() ~= nil
end
