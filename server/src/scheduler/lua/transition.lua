-- include clock
-- include due
-- include grant
-- Twin of kernel/kernel.ts: one atomic step.

-- Takes a step; `act` answers with a status and what else its reply holds.
local function transition(act)
  if not pool and not readPool() then return { 'unconfigured' } end
  pool.nowMs = now_ms(pool.nowMs)
  doWhatIsDue()
  local answer = { act() }
  -- Whoever were granted something before all that is due is done might wait in a pod that is being buried.
  if not hasMore then grant() end
  writePool()
  return replyOf(unpack(answer))
end
