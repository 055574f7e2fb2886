-- include new-job
-- include transition
-- Twin of `redrive` in kernel/administer.ts: queues a dead job as if it were new.
--
-- KEYS  1 the pool
-- ARGV  1 the pod that asks, 2 the job
-- Reply status, has more, messages
-- Cost  O(log n) in the dead letters and the jobs of the tenant; and the grants it ends with, at most 64

register('redrive', function()
  local job = get(jobs, ARGV[2])
  if not job or job.state ~= 'dead' then return 'stale' end
  remove(dead(), job.name)
  pool.dead = pool.dead - 1
  job.attempts, job.deaths, job.order = 0, 0, orderOf(job.priority)
  queue(job)
  return 'ok'
end)
