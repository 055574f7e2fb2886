-- Ends the window of tries.
--
-- KEYS[1]  root of the scope

redis.call('DEL', KEYS[1] .. ':tries')
