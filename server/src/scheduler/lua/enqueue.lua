-- include new-job
-- include transition
-- Twin of kernel/enqueue.ts: queues a job, and makes room for it where the pool is full of a heavier tenant's.
--
-- KEYS  1 the pool
-- ARGV  1 the pod that asks, then the job: id, kind, tenant, tier, weight, queueMax, estimatedCost, priority, deadlineMs,
--       attempts
-- Reply status, has more, messages; of a refusal for a full queue also queuedCost and shareMillionths of the tenant
-- Cost  O(log n) in the jobs of the tenant, the tenants of the tier and the pods; times the grants it ends with, at most 64

local function evictFrom(tenant)
  local job = found(get(jobs, idOf(last(queueOf(tenant, 'attached')))), 'a job')
  tell(job.podId, endedMessage, job.id, 'evicted')
  drop(job)
end

local function roomForDetached(newJob)
  local known = get(tenants, newJob.tenantId)
  if known and known.detached >= newJob.queueMax then return 'tenant_queue_full' end
  return pool.queuedDetached >= policy.queuedMax and 'pool_queue_full' or nil
end

local function roomForAttached(newJob)
  local known = get(tenants, newJob.tenantId)
  if known and known.attached >= newJob.queueMax then return 'tenant_queue_full' end
  if pool.queuedAttached < policy.queuedMax then return nil end
  local heaviestId, heaviness = last(heaviest())
  if not heaviestId or heaviestId == newJob.tenantId then return 'pool_queue_full' end
  local cost = (known and known.queuedCost or 0) + newJob.estimatedCost
  if heavinessOf(newJob.tier, newJob.weight, cost) >= heaviness then return 'pool_queue_full' end
  evictFrom(found(get(tenants, heaviestId), 'a tenant'))
  return nil
end

-- A refusal with what stands before another job of the tenant.
local function refused(status, tenantId)
  local tenant = get(tenants, tenantId)
  if not tenant or not tenant.isActive then return status, 0, 0 end
  return status, tenant.queuedCost, shareMillionthsOf(tenant)
end

local function enqueue(newJob)
  local known = get(jobs, newJob.id)
  -- Whoever asks for a dead letter has not heard that it is one.
  if known then return known.state == 'dead' and 'exhausted' or 'known' end
  local pod = get(pods, podId)
  if not pod then return 'unknown_pod' end
  if newJob.attempts >= policy.attemptsMax then return 'exhausted' end
  local refusal = (newJob.kind == 'attached' and roomForAttached or roomForDetached)(newJob)
  if refusal then return refused(refusal, newJob.tenantId) end
  local job = jobFrom(newJob)
  if job.kind == 'attached' then
    job.podId = podId
    add(jobsOf(pod), job.name, 1)
  else
    addTimer('deadline:' .. job.id, job.deadlineMs)
  end
  tenantAs(job.tenantId, job.tier, job.weight)
  queue(job)
  return 'ok'
end

register('enqueue', function()
  return enqueue(newJobAt(2))
end)
