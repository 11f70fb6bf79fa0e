-- Take what has expired out of the sorted sets that name it: the oldest are looked at.
-- ARGV: prefix, generation, how many of each.
local P = ARGV[1] .. ARGV[2] .. ':'
local most = tonumber(ARGV[3]) - 1
for _, id in ipairs(redis.call('ZRANGE', P .. 'anomalies', 0, most)) do
  if redis.call('EXISTS', P .. 'anomaly:' .. id) == 0 then
    redis.call('ZREM', P .. 'anomalies', id)
    redis.call('ZREM', P .. 'anomalies:open', id)
  end
end
for _, day in ipairs(redis.call('ZRANGE', P .. 'rollups:days', 0, most)) do
  if redis.call('EXISTS', P .. 'rollups:' .. day) == 0 then
    redis.call('ZREM', P .. 'rollups:days', day)
    redis.call('HDEL', P .. 'rollups:rev', day)
  end
end
return 1
