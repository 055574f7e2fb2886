-- include transition
-- Twin of `settle` in kernel/settle.ts: charges what a job really cost and gives its slot back.
--
-- KEYS  1 the pool
-- ARGV  1 the pod that asks, 2 the job, 3 its nonce, 4 `done` or `retry`, 5 its cost or nothing to leave the charge as it is,
--       6 when a retry may start
-- Reply status, has more, messages
-- Cost  O(log n) in the jobs of the pod, the tenants of the tier and the timers; and the grants it ends with, at most 64

register('settle', function()
  local job = held(ARGV[2], ARGV[3])
  if not job then return 'stale' end
  if ARGV[5] ~= '' then charge(tenantOf(job), job.chargedCost, tonumber(ARGV[5])) end
  if ARGV[4] == 'retry' and job.kind == 'detached' then
    land(job)
    retry(job, tonumber(ARGV[6]))
  else
    endFlight(job)
  end
  return 'ok'
end)
