-- Records by id, each packed into one field of a hash: half the time of a hash for each, whole or in part.
--
-- They are read when they are first asked for and written when the step is over, if they were said to have changed.

local function recordsNamed(name)
  return { key = KEYS[1] .. ':' .. name, known = {}, changed = {} }
end

local function get(records, id)
  local record = records.known[id]
  if record == nil then
    local packed = redis.call('HGET', records.key, id)
    record = packed and cmsgpack.unpack(packed)
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
      written[#written + 1] = cmsgpack.pack(record)
    else
      deleted[#deleted + 1] = id
    end
  end
  return written, deleted
end
