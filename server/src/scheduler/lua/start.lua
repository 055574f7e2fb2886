-- include transition
-- Twin of `start` in kernel/settle.ts: counts an attempt of a granted job, before its first call of an upstream.
--
-- KEYS  1 the pool
-- ARGV  1 the pod that asks, 2 the job, 3 its nonce
-- Reply status, has more, messages
-- Cost  O(1), and the grants it ends with, at most 64

register('start', function()
  local job = held(ARGV[2], ARGV[3])
  if not job then return 'stale' end
  if job.state == 'running' then return 'known' end
  job.state = 'running'
  job.attempts = job.attempts + 1
  touch(jobs, job)
  return 'ok'
end)
