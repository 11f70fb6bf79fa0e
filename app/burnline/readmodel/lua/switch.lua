-- Give readers the generation that was filled, if it is no older than the one that they use.
-- ARGV: prefix, owner, generation.
-- Answers 1, or 0 when it is not yet as far, or not ours to switch.
local prefix, owner, generation = ARGV[1], ARGV[2], ARGV[3]
local P = prefix .. generation .. ':'
if redis.call('GET', prefix .. 'projector') ~= owner then return 0 end
if redis.call('GET', prefix .. 'building') ~= generation then return 0 end
if redis.call('EXISTS', P .. 'offsets') == 0 then return 0 end
local before = redis.call('GET', prefix .. 'gen')
if before then
  local reached = redis.call('HGETALL', prefix .. before .. ':offsets')
  for i = 1, #reached, 2 do
    local own = redis.call('HGET', P .. 'offsets', reached[i])
    if own and tonumber(own) < tonumber(reached[i + 1]) then return 0 end
  end
end
local counted = counting(P)
counted.touch(P .. 'feed')
counted.touch(P .. 'feed:backlog')
local backlog = redis.call('ZRANGE', P .. 'feed:backlog', 0, -1, 'WITHSCORES')
for i = 1, #backlog, 2 do
  local at_ms = string.format('%.0f', tonumber(backlog[i + 1]))
  redis.call('XADD', P .. 'feed', at_ms .. '-*', 'type', 'anomaly', 'data', backlog[i])
end
redis.call('DEL', P .. 'feed:backlog')
-- Of retired sessions the topic holds what compaction has left; the generation before knows the others.
if before then
  local old = prefix .. before .. ':'
  counted.touch(P .. 'closed')
  local known = redis.call('ZRANGE', old .. 'closed', 0, -1, 'WITHSCORES')
  for i = 1, #known, 2 do
    local rows = hash(old .. 'closed:' .. known[i])
    for name, json in pairs(rows) do
      redis.call('HSETNX', P .. 'closed:' .. known[i], name, json)
    end
    if next(rows) then redis.call('ZADD', P .. 'closed', 'GT', known[i + 1], known[i]) end
  end
  forget_closed(P)
end
counted.settle()
redis.call('SET', prefix .. 'gen', generation)
redis.call('DEL', prefix .. 'building')
if before then redis.call('SADD', prefix .. 'retired', before) end
return 1
