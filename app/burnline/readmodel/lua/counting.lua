-- How many entries each key of a generation holds, in one hash beside them: a key that is gone is not taken for one that
-- was never filled. Stands before the scripts that change what a generation holds.
-- Counts move by what a script adds and takes away, and are never set to what is found: what was lost is missing from
-- the key for good, and not from its count.
local function counting(P)
  local size_of = {hash = 'HLEN', zset = 'ZCARD', list = 'LLEN', stream = 'XLEN', string = 'GET'}
  local counts, before, touched = P .. 'counts', {}, {}
  local self = {}

  function self.size(key)
    local command = size_of[redis.call('TYPE', key).ok]
    return command and tonumber(redis.call(command, key)) or 0
  end

  -- Call it before a key is changed.
  function self.touch(key)
    if before[key] then return end
    before[key] = self.size(key)
    touched[#touched + 1] = key
  end

  function self.settle()
    for _, key in ipairs(touched) do
      local change = self.size(key) - before[key]
      local field = string.sub(key, #P + 1)
      if change ~= 0 and redis.call('HINCRBY', counts, field, string.format('%.0f', change)) == 0 then
        redis.call('HDEL', counts, field)
      end
    end
  end

  -- The generation has lost something: nobody is to read it any more.
  function self.lost(key)
    redis.call('HSETNX', counts, '@lost', string.sub(key, #P + 1))
  end

  return self
end
