-- include transition
-- Twin of `reap` in kernel/due.ts: ends a pod before its lease does.
--
-- KEYS  1 the pool
-- ARGV  1 the pod that asks, 2 the pod that died
-- Reply status, has more, messages
-- Cost  O(log n) for each job of the dead pod, at most 64; and the grants it ends with, at most 64

register('reap', function()
  if get(pods, ARGV[2]) and not bury(ARGV[2]) then hasMore = true end
  return 'ok'
end)
