-- include new-job
-- include transition
-- Twin of kernel/beat.ts: hears a pod, that it lives, wants to run so many jobs at once, and holds these.
--
-- KEYS  1 the pool
-- ARGV  1 the pod that asks, 2 the generation that it knows, 3 its workers, then of each job it holds: nonce, cost so far,
--       and the job as in enqueue.lua
-- Reply status, has more, messages, generation, ids of jobs it does not hold, whether it is new; and of the pool: pods,
--       slots, in flight, queued attached, queued detached, served cost
-- Cost  O(log n) for each job it holds; and the grants it ends with, at most 64

local repeatsMax = 64
local flightLength = 2 + newJobLength

local function adopted(pod, newJob, fence, progressCost)
  if ARGV[2] == pool.generation then return nil end
  local job = jobFrom(newJob)
  local tenant = tenantFor(job.tenantId, job.tier, job.weight)
  remove(tierSet(tierOf(tenant), 'parked'), tenant.name)
  takeOff(job, pod, fence)
  job.state = 'running'
  job.chargedCost = progressCost
  place(tenant)
  return job
end

local function repeatGrants(pod, isHeld)
  local repeats = 0
  for _, name in ipairs(firstNames(jobsOf(pod), pod.inFlight)) do
    if repeats == repeatsMax then return end
    local job = found(get(jobs, idOf(name)), 'a job')
    if not isHeld[job.id] then
      repeats = repeats + 1
      tellGrant(job)
    end
  end
end

local function servedCost()
  local sum = 0
  for _, tier in ipairs(pool.tiers) do
    sum = sum + tier.servedCost
  end
  return sum
end

-- Counts what this step has yet to write.
local function podCount()
  local count = redis.call('HLEN', pods.key)
  for id in pairs(pods.changed) do
    local was, is = redis.call('HEXISTS', pods.key, id) == 1, pods.known[id] and true
    if was and not is then count = count - 1 end
    if is and not was then count = count + 1 end
  end
  return count
end

local function beat()
  local isNew = 0
  if not get(pods, podId) then
    isNew = 1
    put(pods, { id = podId, workers = 0, inFlight = 0 })
  end
  local pod = get(pods, podId)
  setWorkers(pod, tonumber(ARGV[3]))
  addTimer('lease:' .. podId, pool.nowMs + policy.leaseMs)
  local staleIds, isHeld = {}, {}
  for place = 4, #ARGV, flightLength do
    local fence, progressCost, newJob = ARGV[place], tonumber(ARGV[place + 1]), newJobAt(place + 2)
    local job = get(jobs, newJob.id) or adopted(pod, newJob, fence, progressCost)
    if not job or job.podId ~= podId or job.nonce ~= fence then
      staleIds[#staleIds + 1] = newJob.id
    else
      isHeld[job.id] = true
      if progressCost > job.chargedCost then
        charge(tenantOf(job), job.chargedCost, progressCost)
        job.chargedCost = progressCost
        touch(jobs, job)
      end
    end
  end
  repeatGrants(pod, isHeld)
  local view = { podCount(), slotsOf(), pool.inFlight, pool.queuedAttached, pool.queuedDetached, servedCost() }
  return 'ok', pool.generation, staleIds, isNew, view
end

register('beat', beat)
