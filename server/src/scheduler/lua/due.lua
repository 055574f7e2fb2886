-- include flights
-- Twin of kernel/due.ts: leases and deadlines that pass, pauses and ghosts that end.

local duesMax = 64

local function dueTimer()
  if pool.dueFromMs > pool.nowMs then return nil end
  local timer, atMs = first(timers())
  pool.dueFromMs = atMs or never
  return pool.dueFromMs <= pool.nowMs and timer or nil
end

local function expire(job)
  if job.nonce or job.state == 'dead' then return end
  tell(nil, endedMessage, job.id, 'expired')
  if job.state == 'queued' then
    drop(job)
  else
    remove(timers(), 'retry:' .. job.id)
    forget(job)
  end
end

local function haunt(job)
  if policy.ghostMs == 0 then return end
  pool.ghosts = pool.ghosts + 1
  -- The number keeps two ghosts of one job apart: a pod may bring it back with the same nonce.
  addTimer('ghost:' .. numbered(job.id), pool.nowMs + policy.ghostMs)
end

local function orphan(job)
  if not job.nonce then
    tell(job.podId, endedMessage, job.id, 'pod_died')
    drop(job)
    return
  end
  local wasRunning = job.state == 'running'
  if wasRunning then haunt(job) else charge(tenantOf(job), job.chargedCost, 0) end
  if job.kind == 'attached' then
    endFlight(job)
    return
  end
  land(job)
  if wasRunning then job.deaths = job.deaths + 1 end
  retry(job, pool.nowMs)
end

-- Takes the jobs of a pod that died from it; whether that was all of them.
local function bury(id)
  local pod = found(get(pods, id), 'a pod')
  setWorkers(pod, 0)
  for _, name in ipairs(firstNames(jobsOf(pod), duesMax)) do
    orphan(found(get(jobs, idOf(name)), 'a job'))
  end
  if first(jobsOf(pod)) then
    addTimer('lease:' .. id, pool.nowMs)
    return false
  end
  forgetPod(id)
  remove(room(), id)
  remove(timers(), 'lease:' .. id)
  return true
end

local function doWhatIsDue()
  for _ = 1, duesMax do
    local timer = dueTimer()
    if not timer then return end
    local kind, id = timer:match('^(%l+):([^:]*)')
    if kind == 'lease' then
      if not bury(id) then break end
    else
      remove(timers(), timer)
      if kind == 'ghost' then
        pool.ghosts = pool.ghosts - 1
      elseif kind == 'retry' then
        queue(found(get(jobs, id), 'a job'))
      else
        expire(found(get(jobs, id), 'a job'))
      end
    end
  end
  hasMore = dueTimer() ~= nil
end
