-- include transition
-- Several steps, one after the other, that are read and written as one.
--
-- KEYS  1 the pool
-- ARGV  of each step: its name, how many arguments it has, and these
-- Reply the replies of the steps
-- Cost  that of the steps, less what they read and write in common

local function takeSeveral(arguments, text)
  local replies, place = {}, 1
  while place < #arguments do
    local name, length = arguments[place], tonumber(arguments[place + 1])
    local own = { unpack(arguments, place + 2, place + 1 + length) }
    replies[#replies + 1] = steps[name](own, text .. '.' .. #replies)
    place = place + 2 + length
  end
  return replies
end

redis.register_function(library .. 'several', function(keys, arguments)
  return answer(keys, arguments, takeSeveral)
end)
