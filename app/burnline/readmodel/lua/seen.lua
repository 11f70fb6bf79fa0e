-- Note in a generation that a projector is at work, and where usage ends.
-- ARGV: prefix, generation, now in ms, then source partition and end of each.
local P = ARGV[1] .. ARGV[2] .. ':'
if redis.call('EXISTS', P .. 'offsets') == 0 then return 0 end
redis.call('SET', P .. 'seen_at_ms', ARGV[3])
if #ARGV > 3 then redis.call('HSET', P .. 'ends', unpack(ARGV, 4)) end
return 1
