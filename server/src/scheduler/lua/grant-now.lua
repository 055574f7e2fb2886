-- include transition
-- Does what is due and gives the free slots to whoever is next, as every step does.
--
-- KEYS  1 the pool
-- ARGV  1 the pod that asks
-- Reply status, has more, messages
-- Cost  O(log n) for each timer and each grant, at most 64 of both

register('grant', function()
  return 'ok'
end)
