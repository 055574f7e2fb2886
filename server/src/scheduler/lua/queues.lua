-- include fairness
-- Twin of kernel/queues.ts: jobs that wait, and the rest of tenants that have none.

local function heavinessOf(tier, weight, cost)
  return advance(cost * 100, found(tierNamed[tier], 'a tier').weight * weight)
end

local function weigh(tenant)
  if tenant.queuedCost > 0 then
    add(heaviest(), tenant.id, heavinessOf(tenant.tier, tenant.weight, tenant.queuedCost))
  else
    remove(heaviest(), tenant.id)
  end
end

local function countWaiting(tenant, job, sign)
  touch(tenants, tenant)
  tenant[job.kind] = tenant[job.kind] + sign
  if job.kind == 'detached' then
    pool.queuedDetached = pool.queuedDetached + sign
    return
  end
  pool.queuedAttached = pool.queuedAttached + sign
  tenant.queuedCost = tenant.queuedCost + sign * job.estimatedCost
  weigh(tenant)
end

local function moveTenant(tenant, tierName, weight)
  local from, to = tierOf(tenant), found(tierNamed[tierName], 'a tier')
  local aheadOfClock = max(tenant.tag - from.clock, 0)
  if tenant.standing then unstand(from, tenant) end
  remove(tierSet(from, 'parked'), tenant.name)
  if tenant.isActive then addWeight(from, -tenant.weight) end
  tenant.tier, tenant.weight, tenant.tag, tenant.isActive = tierName, weight, to.clock + aheadOfClock, false
  touch(tenants, tenant)
  weigh(tenant)
  place(tenant)
end

local function tenantFor(id, tier, weight)
  local known = get(tenants, id)
  if known then return known end
  local tenant = {
    id = id,
    name = numbered(id),
    tier = tier,
    weight = weight,
    tag = 0,
    isPaused = false,
    isActive = false,
    inFlight = 0,
    queuedCost = 0,
    attached = 0,
    detached = 0,
  }
  put(tenants, tenant)
  return tenant
end

local function tenantAs(id, tier, weight)
  local tenant = tenantFor(id, tier, weight)
  if tenant.tier ~= tier or tenant.weight ~= weight then moveTenant(tenant, tier, weight) end
  return tenant
end

local function queue(job)
  local tenant = tenantFor(job.tenantId, job.tier, job.weight)
  if waitingOf(tenant) == 0 then
    if tenant.inFlight == 0 then
      remove(tierSet(tierOf(tenant), 'parked'), tenant.name)
      tenant.name = numbered(tenant.id)
    end
    join(tenant)
  end
  job.state = 'queued'
  job.queuedAtMs = pool.nowMs
  touch(jobs, job)
  add(queueOf(tenant, job.kind), job.name, job.order)
  countWaiting(tenant, job, 1)
  place(tenant)
end

local function unqueue(job)
  local tenant = tenantOf(job)
  remove(queueOf(tenant, job.kind), job.name)
  countWaiting(tenant, job, -1)
  return tenant
end

local function forget(job)
  delete(jobs, job.id)
  if job.kind == 'detached' then remove(timers(), 'deadline:' .. job.id) end
  local pod = job.podId and get(pods, job.podId)
  if pod then remove(jobsOf(pod), job.name) end
end

local function rest(tenant)
  if waitingOf(tenant) > 0 or tenant.inFlight > 0 or tenant.isPaused then return end
  local tier = tierOf(tenant)
  if tenant.tag > tier.clock then
    tier.parkedFrom = min(tier.parkedFrom, tenant.tag)
    add(tierSet(tier, 'parked'), tenant.name, tenant.tag)
  else
    delete(tenants, tenant.id)
  end
end

local function drop(job)
  local tenant = unqueue(job)
  forget(job)
  place(tenant)
  rest(tenant)
end
