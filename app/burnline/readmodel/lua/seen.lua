-- Note in a generation that a projector is at work, and where usage ends.
-- ARGV: prefix, generation, now in ms, then source partition and end of each.
local P = ARGV[1] .. ARGV[2] .. ':'
if redis.call('EXISTS', P .. 'offsets') == 0 then return 0 end
redis.call('SET', P .. 'seen_at_ms', ARGV[3])
if #ARGV > 3 then
  -- Set to what is there: it is written whole each time, so nothing is missing from it for longer than a moment.
  redis.call('HSET', P .. 'ends', unpack(ARGV, 4))
  redis.call('HSET', P .. 'counts', 'ends', redis.call('HLEN', P .. 'ends'))
end
return 1
