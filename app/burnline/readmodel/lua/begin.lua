-- Begin to fill a generation, unless one is being filled.
-- ARGV: prefix, owner, now in ms, then field and first offset of every partition.
-- Answers the id of the generation that is being filled, '' when the lease is another's.
-- Ids are seconds, so that they grow over a loss of all data, too; and they grow over all that are known.
local prefix, owner, id = ARGV[1], ARGV[2], math.floor(tonumber(ARGV[3]) / 1000)
if redis.call('GET', prefix .. 'projector') ~= owner then return '' end
local building = redis.call('GET', prefix .. 'building')
if building then return building end
local known = redis.call('SMEMBERS', prefix .. 'retired')
known[#known + 1] = redis.call('GET', prefix .. 'gen') or '0'
for _, other in ipairs(known) do
  id = math.max(id, tonumber(other) + 1)
end
id = string.format('%.0f', id)
for i = 4, #ARGV, 2 do
  redis.call('HSET', prefix .. id .. ':offsets', ARGV[i], ARGV[i + 1])
end
redis.call('HSET', prefix .. id .. ':counts', '@generation', id, 'offsets', (#ARGV - 3) / 2)
redis.call('SET', prefix .. id .. ':seen_at_ms', ARGV[3])
redis.call('SET', prefix .. 'building', id)
redis.call('DEL', prefix .. 'rebuild')
return id
