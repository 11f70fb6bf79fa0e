-- Hold some of a generation's keys against what they should hold. What has lost anything is marked, for good.
-- ARGV: prefix, generation, how many at once, then where to go on (0: from the beginning) in counts, sessions, anomalies,
-- retired sessions.
-- Answers where to go on in each.
local P = ARGV[1] .. ARGV[2] .. ':'
local counted = counting(P)
local at = {ARGV[4], ARGV[5], ARGV[6], ARGV[7]}
if redis.call('HGET', P .. 'counts', '@generation') ~= ARGV[2] then return at end  -- it is known to be lost by that

local function walk(command, name, from, check)
  local found = redis.call(command, P .. name, from, 'COUNT', ARGV[3])
  for i = 1, #found[2], 2 do check(found[2][i], found[2][i + 1]) end
  return found[1]
end
local function exists(name)
  if redis.call('EXISTS', P .. name) == 0 then counted.lost(P .. name) end
end

at[1] = walk('HSCAN', 'counts', at[1], function(name, count)
  if string.sub(name, 1, 1) ~= '@' and counted.size(P .. name) ~= tonumber(count) then counted.lost(P .. name) end
end)
at[2] = walk('ZSCAN', 'sessions', at[2], function(id) exists('session:' .. id) end)
at[3] = walk('ZSCAN', 'anomalies', at[3], function(id) exists('anomaly:' .. id) end)
at[4] = walk('ZSCAN', 'closed', at[4], function(id) exists('closed:' .. id) end)
exists('seen_at_ms')
return at
