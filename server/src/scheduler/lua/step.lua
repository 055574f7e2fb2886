-- include random
-- include state
-- Twin of kernel/step.ts: what a step has to say, and the writing of what it has changed.

local podId = ARGV[1]
local messages = {}
local hasMore = false
local nonces = 0
local inboxes = {}

local function nonce()
  nonces = nonces + 1
  return random .. '.' .. nonces
end

local function inboxOf(id)
  local inbox = inboxes[id]
  if not inbox then
    local key = KEYS[1] .. ':inbox:' .. id
    inbox = { key = key, length = redis.call('LLEN', key), messages = {} }
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
    redis.call(command, key, unpack(arguments, from, math.min(from + 999, #arguments)))
  end
end

-- Adds and removes are told apart by whether there is a score.
local function setChangesOf(set)
  local added, removed = {}, {}
  for name, score in pairs(set.changes) do
    if score then
      added[#added + 1] = score
      added[#added + 1] = name
    else
      removed[#removed + 1] = name
    end
  end
  return added, removed
end

-- Writes what the step has changed: what is new before what is gone.
local function writePool()
  local removals = {}
  for _, records in ipairs({ tenants, jobs, pods }) do
    local written, deleted = changesOf(records)
    send('HSET', records.key, written)
    removals[#removals + 1] = { 'HDEL', records.key, deleted }
  end
  for _, set in pairs(sets) do
    local added, removed = setChangesOf(set)
    send('ZADD', set.key, added)
    removals[#removals + 1] = { 'ZREM', set.key, removed }
  end
  redis.call('SET', KEYS[1], cmsgpack.pack(pool))
  for _, removal in ipairs(removals) do
    send(removal[1], removal[2], removal[3])
  end
  for _, inbox in pairs(inboxes) do
    if inbox.isNew then redis.call('DEL', inbox.key) end
    send('RPUSH', inbox.key, inbox.messages)
  end
end

-- The reply: status, whether there is more to do, messages, and what the operation adds.
local function replyOf(status, ...)
  return { status, hasMore and 1 or 0, messages, ... }
end
