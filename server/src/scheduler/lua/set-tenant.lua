-- include transition
-- Twin of `setTenant` in kernel/administer.ts: gives a tenant another tier or weight, holds it back or lets it go on.
--
-- KEYS  1 the pool
-- ARGV  1 the pod that asks, 2 the tenant, 3 its tier, 4 its weight, 5 whether it is paused: 1 or 0
-- Reply status, has more, messages
-- Cost  O(log n) in the tenants of the tiers; and the grants it ends with, at most 64

register('set_tenant', function()
  local tenant = tenantAs(ARGV[2], ARGV[3], tonumber(ARGV[4]))
  local isPaused = ARGV[5] == '1'
  local isResumed = tenant.isPaused and not isPaused
  remove(tierSet(tierOf(tenant), 'parked'), tenant.name)
  tenant.isPaused = isPaused
  touch(tenants, tenant)
  if isResumed then liftTenant(tierOf(tenant), tenant) end
  place(tenant)
  rest(tenant)
  return 'ok'
end)
