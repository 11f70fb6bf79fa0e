-- Take or keep the lease, and say what there is to do.
-- ARGV: prefix, owner, length of the lease in ms.
-- Answers {0, ...} when another one has the lease, else 1; then the generation in use, the one being filled (each '' for
-- none), 1 when somebody asked for a rebuild, and what was found to be lost ('' for nothing).
-- A generation that has lost a part, or the offsets or counts by which that would be known, is read by nobody any more.
local prefix, owner = ARGV[1], ARGV[2]
local missing = ''
local function lost(generation)
  local P = prefix .. generation .. ':'
  if redis.call('EXISTS', P .. 'offsets') == 0 then return 'offsets' end
  if redis.call('HGET', P .. 'counts', '@generation') ~= generation then return 'counts' end
  return redis.call('HGET', P .. 'counts', '@lost')
end
local function standing(name)
  local generation = redis.call('GET', prefix .. name)
  local what = generation and lost(generation)
  if not what then return generation or '' end
  redis.call('SADD', prefix .. 'retired', generation)
  redis.call('DEL', prefix .. name)
  missing = missing .. ' ' .. generation .. ':' .. what
  return ''
end
local holder = redis.call('GET', prefix .. 'projector')
if holder and holder ~= owner then return {0, redis.call('GET', prefix .. 'gen') or '', '', 0, ''} end
redis.call('SET', prefix .. 'projector', owner, 'PX', ARGV[3])
return {1, standing('gen'), standing('building'), redis.call('EXISTS', prefix .. 'rebuild'), missing}
