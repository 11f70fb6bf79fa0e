-- Give the lease back, if it is ours.
-- ARGV: prefix, owner.
if redis.call('GET', ARGV[1] .. 'projector') == ARGV[2] then return redis.call('DEL', ARGV[1] .. 'projector') end
return 0
