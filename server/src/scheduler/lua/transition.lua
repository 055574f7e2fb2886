-- include clock
-- include due
-- include grant
-- Twin of kernel/kernel.ts: one atomic step, or several in one call.

-- Steps by name.
local steps = {}
local nowMs

-- Takes a step; `act` answers with a status and what else its reply holds.
local function transition(act)
  pool.nowMs = max(pool.nowMs, nowMs)
  doWhatIsDue()
  local answer = { act() }
  -- Whoever were granted something before all that is due is done might wait in a pod that is being buried.
  if not hasMore then grant() end
  return replyOf(unpack(answer))
end

-- Answers a call of Redis: `take` takes its steps, whose changes are written together.
local function answer(keys, arguments, take)
  beginCall(keys)
  inboxes = {}
  local text = table.remove(arguments)
  nowMs = timeMs(arguments)
  local reply = take(arguments, text)
  if pool then writePool() end
  return reply
end

-- Makes a step known to Redis; `read` says whether there is a pool to take it on.
local function register(name, act, read)
  local function step(arguments, text)
    beginStep(arguments, text)
    if not pool and not (read or readPool)() then return { 'unconfigured' } end
    return transition(act)
  end
  steps[name] = step
  redis.register_function(library .. name, function(keys, arguments)
    return answer(keys, arguments, step)
  end)
end
