-- include call
-- Records by id, each packed into one field of a hash: half the time of a hash for each, whole or in part.
--
-- They are read when they are first asked for and written when the step is over, if they were said to have changed.

-- What was packed last, by its text: to unpack it again took a quarter of a step. Never more than so many things.
local packedMax = 4096
local packed, packedCount = {}, 0

local function pack(thing)
  if packedCount == packedMax then
    packed, packedCount = {}, 0
  end
  local text = packThing(thing)
  packed[text] = thing
  packedCount = packedCount + 1
  return text
end

-- The thing is the caller's to change: should the step fail, nobody else has it.
local function unpackText(text)
  local thing = packed[text]
  if not thing then return unpackThing(text) end
  packed[text] = nil
  packedCount = packedCount - 1
  return thing
end

local function recordsNamed(name)
  return { name = name, known = {}, changed = {} }
end

-- Forgets what another step has read.
local function forgetRecords(records)
  records.key = KEYS[1] .. ':' .. records.name
  if next(records.known) then records.known = {} end
  if next(records.changed) then records.changed = {} end
end

local function get(records, id)
  local record = records.known[id]
  if record == nil then
    local text = call('HGET', records.key, id)
    record = text and unpackText(text)
    records.known[id] = record
  end
  return record or nil
end

-- A record that is new.
local function put(records, record)
  records.known[record.id] = record
  records.changed[record.id] = true
end

-- Says that a record has changed; one that was deleted stays so.
local function touch(records, record)
  records.changed[record.id] = true
end

local function delete(records, id)
  records.known[id] = false
  records.changed[id] = true
end

-- What there is to write, and the ids of what there is to delete.
local function changesOf(records)
  local written, deleted = {}, {}
  for id in pairs(records.changed) do
    local record = records.known[id]
    if record then
      written[#written + 1] = id
      written[#written + 1] = pack(record)
    else
      deleted[#deleted + 1] = id
    end
  end
  return written, deleted
end
