-- include state
-- Twin of kernel/step.ts: what a step has to say, and the writing of what it has changed.

local messages, hasMore
local random, nonces
-- What other pods are told, by pod; of all steps of a call.
local inboxes

-- Begins a step; `text` is one that no other step has.
local function beginStep(arguments, text)
  ARGV, podId = arguments, arguments[1]
  messages, hasMore = {}, false
  random, nonces = text, 0
end

local function nonce()
  nonces = nonces + 1
  return random .. '.' .. nonces
end

local function inboxOf(id)
  local inbox = inboxes[id]
  if not inbox then
    local key = KEYS[1] .. ':inbox:' .. id
    inbox = { key = key, length = call('LLEN', key), messages = {} }
    inboxes[id] = inbox
  end
  return inbox
end

-- The messages, as the JSON that operations.ts describes.
local endedMessage = '{"type":"ended","jobId":"%s","reason":"%s"}'
local cancelMessage = '{"type":"cancel","jobId":"%s","nonce":"%s"}'
local deadMessage = '{"type":"dead","jobId":"%s","reason":"%s"}'
local grantedMessage =
  '{"type":"granted","jobId":"%s","tenantId":"%s","kind":"%s","nonce":"%s","attempts":%.0f,"waitedMs":%.0f}'

-- Tells a pod, or whoever asked. What does not fit into an inbox is left out.
local function tell(to, message, ...)
  message = message:format(...)
  if not to or to == podId then
    messages[#messages + 1] = message
    return
  end
  if not get(pods, to) then return end
  local inbox = inboxOf(to)
  if inbox.length >= policy.inboxMax then return end
  inbox.length = inbox.length + 1
  inbox.messages[#inbox.messages + 1] = message
end

-- Forgets a pod with what it was not yet told.
local function forgetPod(id)
  delete(pods, id)
  inboxes[id] = { key = KEYS[1] .. ':inbox:' .. id, isNew = true, length = 0, messages = {} }
end

-- Redis takes some thousand arguments at once.
local function send(command, key, arguments)
  for from = 1, #arguments, 1000 do
    call(command, key, unpack(arguments, from, min(from + 999, #arguments)))
  end
end

-- Takes out of the changes of `room` those that are none: a worker that was freed and given work in one step. A pod knows
-- what is stored of it.
local function pruneRoom()
  for id, score in pairs(room().changes) do
    local pod = get(pods, id)
    if pod and pod.room == (score or 0) then
      room().changes[id] = nil
    elseif pod then
      pod.room = score or 0
      touch(pods, pod)
    end
  end
end

-- Writes the records that changed; says which are to be deleted.
local function writeRecords(records)
  local written, deleted = changesOf(records)
  send('HSET', records.key, written)
  return deleted
end

-- Writes the names of a set that are new or have another score; says whether others are to be removed.
local function writeAdded(set)
  local name, score = next(set.changes)
  if next(set.changes, name) == nil then
    if score then call('ZADD', set.key, score, name) end
    return not score
  end
  local added, isAnyRemoved = {}, false
  for other, otherScore in pairs(set.changes) do
    if otherScore then
      added[#added + 1] = otherScore
      added[#added + 1] = other
    else
      isAnyRemoved = true
    end
  end
  send('ZADD', set.key, added)
  return isAnyRemoved
end

local function writeRemoved(set)
  local removed = {}
  for name, score in pairs(set.changes) do
    if not score then removed[#removed + 1] = name end
  end
  send('ZREM', set.key, removed)
end

-- Writes what the step has changed: what is new before what is gone.
local function writePool()
  pruneRoom()
  local deleted, removed = {}, {}
  for _, records in ipairs({ tenants, jobs, pods }) do
    if next(records.changed) then deleted[records.key] = writeRecords(records) end
  end
  for _, set in pairs(sets) do
    if next(set.changes) ~= nil and writeAdded(set) then removed[#removed + 1] = set end
  end
  call('SET', KEYS[1], pack(pool))
  for key, ids in pairs(deleted) do
    send('HDEL', key, ids)
  end
  for _, set in ipairs(removed) do
    writeRemoved(set)
  end
  for _, inbox in pairs(inboxes) do
    if inbox.isNew then call('DEL', inbox.key) end
    send('RPUSH', inbox.key, inbox.messages)
  end
end

-- The reply: status, whether there is more to do, messages, and what the operation adds.
local function replyOf(status, ...)
  return { status, hasMore and 1 or 0, messages, ... }
end
