-- Delete what has expired, with all that names it.
-- ARGV: prefix, generation, how many at most.
local P = ARGV[1] .. ARGV[2] .. ':'
if redis.call('EXISTS', P .. 'offsets') == 0 then return 0 end
local counted = counting(P)
local now = redis.call('TIME')
local now_ms = string.format('%.0f', tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000))
for _, name in ipairs(redis.call('ZRANGEBYSCORE', P .. 'expires', '-inf', now_ms, 'LIMIT', 0, ARGV[3])) do
  local kind, id = string.match(name, '^(%a+):(.*)$')
  local indexes = ({anomaly = {'anomalies', 'anomalies:open'}, rollups = {'rollups:days'}})[kind]
  for _, index in ipairs({'expires', unpack(indexes)}) do
    counted.touch(P .. index)
    redis.call('ZREM', P .. index, index == 'expires' and name or id)
  end
  if kind == 'rollups' then
    counted.touch(P .. name)
    counted.touch(P .. 'rollups:rev')
    redis.call('HDEL', P .. 'rollups:rev', id)
  end
  if kind == 'anomaly' then
    counted.touch(P .. 'anomalies:notes')
    redis.call('HDEL', P .. 'anomalies:notes', id .. '/acknowledgement', id .. '/silence', id .. '/feedback')
  end
  redis.call('UNLINK', P .. name)
end
counted.touch(P .. 'closed')
local oldest = string.format('(%.0f', tonumber(now_ms) - CLOSED_TTL_MS)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'closed', '-inf', oldest, 'LIMIT', 0, ARGV[3])) do
  redis.call('ZREM', P .. 'closed', id)
  redis.call('UNLINK', P .. 'closed:' .. id)
end
counted.settle()
return 1
