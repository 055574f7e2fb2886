-- include step
-- include queues
-- Twin of kernel/flights.ts: jobs in flight, the slots they hold, and how they come back.

local function showRoom(pod)
  if pod.workers > pod.inFlight then
    add(room(), pod.id, pod.workers - pod.inFlight)
  else
    remove(room(), pod.id)
  end
end

local function occupy(pod, change)
  pod.inFlight = pod.inFlight + change
  touch(pods, pod)
  showRoom(pod)
end

local function setWorkers(pod, workers)
  if pod.workers == workers then return end
  pool.workers = pool.workers + workers - pod.workers
  pod.workers = workers
  touch(pods, pod)
  pool.areCapsStale = true
  showRoom(pod)
end

local function takeOff(job, pod, fence)
  local tenant = tenantOf(job)
  job.state = job.kind == 'attached' and 'running' or 'granted'
  job.podId = pod.id
  job.nonce = fence
  touch(jobs, job)
  add(jobsOf(pod), job.name, 0)
  tenant.inFlight = tenant.inFlight + 1
  touch(tenants, tenant)
  pool.inFlight = pool.inFlight + 1
  occupy(pod, 1)
end

local function land(job)
  local tenant = tenantOf(job)
  local pod = found(get(pods, job.podId), 'a pod')
  remove(jobsOf(pod), job.name)
  job.podId, job.nonce, job.chargedCost = nil, nil, 0
  touch(jobs, job)
  tenant.inFlight = tenant.inFlight - 1
  touch(tenants, tenant)
  pool.inFlight = pool.inFlight - 1
  occupy(pod, -1)
  place(tenant)
end

-- `end` is a word of Lua.
local function endFlight(job)
  local tenant = tenantOf(job)
  land(job)
  forget(job)
  rest(tenant)
end

local function forgetDead(job)
  remove(dead(), job.name)
  pool.dead = pool.dead - 1
  forget(job)
end

local function whyDead(job)
  if job.attempts >= policy.attemptsMax then return 'attempts' end
  return job.deaths >= policy.deathsMax and 'deaths' or nil
end

local function buryJob(job, reason)
  job.state = 'dead'
  touch(jobs, job)
  add(dead(), job.name, pool.nowMs)
  pool.dead = pool.dead + 1
  tell(nil, deadMessage, job.id, reason)
  if pool.dead > policy.deadMax then forgetDead(found(get(jobs, idOf(first(dead()))), 'a dead letter')) end
end

local function retry(job, atMs)
  local reason = whyDead(job)
  if reason then
    buryJob(job, reason)
  elseif atMs <= pool.nowMs then
    queue(job)
  else
    job.state = 'delayed'
    touch(jobs, job)
    addTimer('retry:' .. job.id, atMs)
  end
  rest(tenantOf(job))
end

-- The job, when the pod that asks holds it by this nonce.
local function held(jobId, fence)
  local job = get(jobs, jobId)
  return job and job.nonce == fence and job.podId == podId and job or nil
end
