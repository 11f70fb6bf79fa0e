-- Apply a batch to a generation, if it stands where the batch begins. Whole or not at all: Redis runs a script alone,
-- and logs and replicates it as one transaction.
-- ARGV: prefix, generation, number of stretches, (field, start, end) each, then per command: length, name, arguments.
-- Answers 1, or 0 when the generation stands elsewhere or is not there.
local prefix, generation = ARGV[1], ARGV[2]
local P = prefix .. generation .. ':'
local offsets = P .. 'offsets'
local stretches = tonumber(ARGV[3])

for i = 0, stretches - 1 do
  local at = 4 + 3 * i
  if redis.call('HGET', offsets, ARGV[at]) ~= ARGV[at + 1] then return 0 end
end

local counted = counting(P)
local in_use = redis.call('GET', prefix .. 'gen') == generation
local own = {}

-- A ledger that begins before the end of one that was retired counts the log anew: what that held is in it again.
local function reopen(id, field, json)
  local key = P .. 'closed:' .. id
  local since = tonumber(string.match(json, '"first_event_at":(%d+)'))
  for name, closed in pairs(hash(key)) do
    if string.sub(name, 1, #field + 1) == field .. '@' and cjson.decode(closed).last_event_at >= since then
      redis.call('HDEL', key, name)
    end
  end
  if redis.call('EXISTS', key) == 0 then
    counted.touch(P .. 'closed')
    redis.call('ZREM', P .. 'closed', id)
  end
end

-- session id, field (source partition and organisation), JSON
own['@ledger'] = function(id, field, json)
  local key = P .. 'session:' .. id
  -- One that was lost would come back with one partition only.
  if redis.call('EXISTS', key) == 0 and redis.call('ZSCORE', P .. 'sessions', id) then counted.lost(key) end
  local is_new = redis.call('HSET', key, field, json) == 1
  if is_new and redis.call('EXISTS', P .. 'closed:' .. id) == 1 then reopen(id, field, json) end
end

-- Keep what a ledger held when it was retired, without its slices. One whose field names no organisation is not kept:
-- it may have moved under its present name.
local function close(id, field, json, row)
  if not string.find(field, '/', 1, true) then return end
  local emptied = string.gsub(json, '"slices":%[[%[%]%d,]*%]', '"slices":[]', 1)
  redis.call('HSET', P .. 'closed:' .. id, field .. '@' .. string.format('%.0f', row.last_offset), emptied)
  counted.touch(P .. 'closed')
  redis.call('ZADD', P .. 'closed', 'GT', string.format('%.0f', row.last_event_at), id)
  forget_closed(P)
end

-- session id, field: its ledger is deleted.
own['@gone'] = function(id, field)
  local key = P .. 'session:' .. id
  local json = redis.call('HGET', key, field)
  if not json then return end
  redis.call('HDEL', key, field)
  local gone = cjson.decode(json)
  local org = gone.org_id
  close(id, field, json, gone)
  local newest, newest_of_org
  for _, other in ipairs(redis.call('HVALS', key)) do
    local row = cjson.decode(other)
    newest = math.max(newest or row.last_event_at, row.last_event_at)
    if row.org_id == org then newest_of_org = math.max(newest_of_org or row.last_event_at, row.last_event_at) end
  end
  local function rank(name, score)
    counted.touch(name)
    if score then redis.call('ZADD', name, string.format('%.0f', score), id) else redis.call('ZREM', name, id) end
  end
  rank(P .. 'sessions', newest)
  rank(P .. 'sessions:org:' .. org, newest_of_org)
end

local change
own['@changed_next'] = function()
  counted.touch(P .. 'change_seq')
  counted.touch(P .. 'changes')
  change = redis.call('INCR', P .. 'change_seq')
  redis.call('ZREMRANGEBYSCORE', P .. 'changes', '-inf', change - CHANGES_KEPT)
end

-- session ids
own['@changed'] = function(...)
  local flat = {}
  for i, id in ipairs({...}) do
    flat[2 * i - 1], flat[2 * i] = change, id
  end
  redis.call('ZADD', P .. 'changes', unpack(flat))
end

-- name below the generation, moment: it is deleted then, or later if another moment was told.
own['@expires'] = function(name, at_ms)
  counted.touch(P .. 'expires')
  redis.call('ZADD', P .. 'expires', 'GT', at_ms, name)
end

-- anomaly id, revision, 1 when it is open, opened_at, updated_at, JSON
own['@notice'] = function(id, revision, is_open, opened_at, updated_at, json)
  local key = P .. 'anomaly:' .. id
  counted.touch(P .. 'anomalies')
  counted.touch(P .. 'anomalies:open')
  if redis.call('EXISTS', key) == 0 and redis.call('ZSCORE', P .. 'anomalies', id) then counted.lost(key) end
  redis.call('HSET', key, revision, json)
  for _, other in ipairs(redis.call('HKEYS', key)) do
    if tonumber(other) > tonumber(revision) then return end
  end
  redis.call('ZADD', P .. 'anomalies', updated_at, id)
  if is_open == '1' then
    redis.call('ZADD', P .. 'anomalies:open', opened_at, id)
  else
    redis.call('ZREM', P .. 'anomalies:open', id)
  end
end

-- when it was appended, JSON. While the generation is filled, partitions come one after the other: sorted at the switch.
own['@feed'] = function(at_ms, json)
  counted.touch(P .. (in_use and 'feed' or 'feed:backlog'))
  if in_use then
    local newest = redis.call('XREVRANGE', P .. 'feed', '+', '-', 'COUNT', 1)[1]
    if newest then
      at_ms = string.format('%.0f', math.max(tonumber(at_ms), tonumber(string.match(newest[1], '^%d+'))))
    end
    redis.call('XADD', P .. 'feed', 'MAXLEN', '~', FEED_LENGTH, at_ms .. '-*', 'type', 'anomaly', 'data', json)
  else
    redis.call('ZADD', P .. 'feed:backlog', at_ms, json)
    redis.call('ZREMRANGEBYRANK', P .. 'feed:backlog', 0, -FEED_LENGTH - 1)
  end
end

-- field of the partition, how many, offset and mistake of the last
own['@unreadable'] = function(name, count, offset, why)
  counted.touch(P .. 'unreadable')
  local before = redis.call('HGET', P .. 'unreadable', name)
  local all = tonumber(count) + (before and cjson.decode(before).count or 0)
  redis.call('HSET', P .. 'unreadable', name, cjson.encode({count = all, offset = tonumber(offset), why = why}))
end

local at, last = 4 + 3 * stretches, #ARGV
while at <= last do
  local length = tonumber(ARGV[at])
  local name = ARGV[at + 1]
  if own[name] then
    own[name](unpack(ARGV, at + 2, at + length))
  else
    counted.touch(ARGV[at + 2])
    redis.call(unpack(ARGV, at + 1, at + length))
  end
  at = at + length + 1
end

counted.settle()
for i = 0, stretches - 1 do
  redis.call('HSET', offsets, ARGV[4 + 3 * i], ARGV[6 + 3 * i])
end
return 1
