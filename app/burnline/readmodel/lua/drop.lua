-- Take a generation out of use: what it was made from is gone.
-- ARGV: prefix, owner, generation.
local prefix, owner, generation = ARGV[1], ARGV[2], ARGV[3]
if redis.call('GET', prefix .. 'projector') ~= owner then return 0 end
for _, name in ipairs({'gen', 'building'}) do
  if redis.call('GET', prefix .. name) == generation then
    redis.call('DEL', prefix .. name)
    redis.call('SADD', prefix .. 'retired', generation)
  end
end
return 1
