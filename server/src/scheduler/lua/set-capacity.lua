-- include transition
-- Twin of `setCapacity` in kernel/administer.ts: says what the upstream takes at once.
--
-- KEYS  1 the pool
-- ARGV  1 the pod that asks, 2 the slots
-- Reply status, has more, messages
-- Cost  O(1), and the grants it ends with, at most 64

register('set_capacity', function()
  pool.upstreamSlots = tonumber(ARGV[2])
  pool.areCapsStale = true
  return 'ok'
end)
