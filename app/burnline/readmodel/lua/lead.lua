-- Take or keep the lease, and say what there is to do.
-- ARGV: prefix, owner, length of the lease in ms.
-- Answers {0, ...} when another one has the lease, else 1; then the generation in use, the one being filled (each '' for
-- none), and 1 when somebody asked for a rebuild.
-- A generation without offsets has lost them with an unknown part of the rest: nobody is to read it any more.
local prefix, owner = ARGV[1], ARGV[2]
local function standing(name)
  local generation = redis.call('GET', prefix .. name)
  if generation and redis.call('EXISTS', prefix .. generation .. ':offsets') == 1 then return generation end
  if generation then
    redis.call('SADD', prefix .. 'retired', generation)
    redis.call('DEL', prefix .. name)
  end
  return ''
end
local holder = redis.call('GET', prefix .. 'projector')
if holder and holder ~= owner then return {0, redis.call('GET', prefix .. 'gen') or '', '', 0} end
redis.call('SET', prefix .. 'projector', owner, 'PX', ARGV[3])
return {1, standing('gen'), standing('building'), redis.call('EXISTS', prefix .. 'rebuild')}
