-- include clock
-- include due
-- include grant
-- Twin of kernel/kernel.ts: one atomic step.

-- Takes a step; `act` answers with a status and what else its reply holds.
local function transition(act)
  pool.nowMs = now_ms(pool.nowMs)
  doWhatIsDue()
  local answer = { act() }
  -- Whoever were granted something before all that is due is done might wait in a pod that is being buried.
  if not hasMore then grant() end
  writePool()
  return replyOf(unpack(answer))
end

-- Makes a step known to Redis; `read` says whether there is a pool to take it on.
local function register(name, act, read)
  local function step(keys, arguments)
    begin(keys, arguments)
    beginMessages(table.remove(arguments))
    if not (read or readPool)() then return { 'unconfigured' } end
    return transition(act)
  end
  redis.register_function(library .. name, step)
end
