-- Forgets everything of a scope, as a Redis does that is started anew.
--
-- KEYS[1]  root of the scope

for _, key in ipairs(redis.call('KEYS', KEYS[1] .. ':*')) do
  redis.call('DEL', key)
end
