-- include state
-- Twin of the jobs of kernel/enqueue.ts, as arguments give them.

-- Arguments that a new job takes.
local newJobLength = 10

-- The job whose arguments begin at a place.
local function newJobAt(place)
  local id, kind, tenantId, tier, weight, queueMax, estimatedCost, priority, deadlineMs, attempts =
    unpack(ARGV, place, place + newJobLength - 1)
  return {
    id = id,
    kind = kind,
    tenantId = tenantId,
    tier = tier,
    weight = tonumber(weight),
    queueMax = tonumber(queueMax),
    estimatedCost = min(tonumber(estimatedCost), policy.costMax),
    priority = tonumber(priority),
    deadlineMs = tonumber(deadlineMs),
    attempts = tonumber(attempts),
  }
end

local function orderOf(priority)
  return pool.nowMs + (policy.bandOffsetsMs[priority + 1] or 0)
end

-- A job that is in no queue yet.
local function jobFrom(newJob)
  local job = {
    id = newJob.id,
    name = numbered(newJob.id),
    tenantId = newJob.tenantId,
    tier = newJob.tier,
    weight = newJob.weight,
    kind = newJob.kind,
    estimatedCost = newJob.estimatedCost,
    priority = newJob.priority,
    order = orderOf(newJob.priority),
    state = 'queued',
    chargedCost = 0,
    attempts = newJob.attempts,
    deaths = 0,
    queuedAtMs = pool.nowMs,
    deadlineMs = newJob.deadlineMs,
  }
  put(jobs, job)
  return job
end
