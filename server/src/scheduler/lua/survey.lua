-- include transition
-- Twin of kernel/survey.ts: how the pool does, for people.
--
-- KEYS  1 the pool
-- ARGV  1 a tenant or nothing for those that have most waiting, 2 how many of these
-- Reply JSON as PoolSurvey has it; nothing when nobody has configured the pool
-- Cost  O(tenants shown)

local tierLine = '{"tier":"%s","weight":%.0f,"servedCost":%.0f,"waitingTenants":%.0f,"cappedTenants":%.0f}'
local tenantLine = '{"tenantId":"%s","tier":"%s",%s"isPaused":%s,"inFlight":%.0f,"waitingAttached":%.0f,'
  .. '"waitingDetached":%.0f,"queuedCost":%.0f,"capSlots":%.0f,"shareMillionths":%.0f}'
local poolLine = '{"slots":%.0f,"inFlight":%.0f,"ghosts":%.0f,"queuedAttached":%.0f,"queuedDetached":%.0f,'
  .. '"deadLetters":%.0f,"pods":%.0f,"tiers":[%s],"tenants":[%s]}'

local function tierSurvey(tier)
  return tierLine:format(tier.name, tier.weight, tier.servedCost, tier.fresh + tier.ready, tier.capped)
end

local function tenantSurvey(tenant)
  local standing = tenant.standing and '"standing":"' .. tenant.standing .. '",' or ''
  local share = tenant.isActive and shareMillionthsOf(tenant) or 0
  return tenantLine:format(
    tenant.id, tenant.tier, standing, tostring(tenant.isPaused), tenant.inFlight, tenant.attached, tenant.detached,
    tenant.queuedCost, capOf(tenant), share
  )
end

redis.register_function(library .. 'survey', function(keys, arguments)
  beginCall(keys)
  if not readPool() then return nil end
  local tierLines, tenantLines = {}, {}
  for _, tier in ipairs(pool.tiers) do
    tierLines[#tierLines + 1] = tierSurvey(tier)
  end
  local ids = { arguments[1] }
  if arguments[1] == '' then ids = redis.call('ZREVRANGE', heaviest().key, 0, arguments[2] - 1) end
  for _, id in ipairs(ids) do
    local tenant = get(tenants, id)
    if tenant then tenantLines[#tenantLines + 1] = tenantSurvey(tenant) end
  end
  return poolLine:format(
    slotsOf(), pool.inFlight, pool.ghosts, pool.queuedAttached, pool.queuedDetached, pool.dead,
    redis.call('HLEN', pods.key), table.concat(tierLines, ','), table.concat(tenantLines, ',')
  )
end)
