-- What scripts about retired sessions have in common. Stands before them.
local function hash(key)
  local flat, found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do
    found[flat[i]] = flat[i + 1]
  end
  return found
end

-- Let the oldest retired sessions go where there are more than are kept. The set's size is to be counted by the caller.
local function forget_closed(P)
  local over = redis.call('ZCARD', P .. 'closed') - CLOSED_KEPT
  if over <= 0 then return end
  local popped = redis.call('ZPOPMIN', P .. 'closed', over)
  for i = 1, #popped, 2 do
    redis.call('UNLINK', P .. 'closed:' .. popped[i])
  end
end
