-- include transition
-- Twin of kernel/cancel.ts: ends a job that waits; tells the pod of one that runs to end it.
--
-- KEYS  1 the pool
-- ARGV  1 the pod that asks, 2 the job
-- Reply status, has more, messages
-- Cost  O(log n) in the jobs of the tenant and of the pod; and the grants it ends with, at most 64

register('cancel', function()
  local job = get(jobs, ARGV[2])
  if not job then return 'stale' end
  if job.nonce then
    tell(job.podId, cancelMessage, job.id, job.nonce)
    return 'cancelling'
  end
  if job.state == 'queued' then
    if job.podId and job.podId ~= podId then tell(job.podId, endedMessage, job.id, 'cancelled') end
    drop(job)
  elseif job.state == 'dead' then
    forgetDead(job)
  else
    remove(timers(), 'retry:' .. job.id)
    forget(job)
  end
  return 'ok'
end)
