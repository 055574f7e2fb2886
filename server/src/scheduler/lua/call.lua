-- What a step is given: as a script has them, but of the call that is being answered. And the pod that asks.

local KEYS, ARGV, podId
