-- Every read and change of the shared state, in one script, so that the server runs each of them atomically.
--
-- All times are microseconds of the server's own clock. A client sends durations only and receives durations only.
-- A request that is repeated because its answer was lost does no harm: it names tokens, and it says what the process
-- wants in total.
--
-- KEYS  1 server   hash of the namespace: id, epoch, opens, last
--       2 limit    hash: limit, version, now
--       3 holders  sorted set: process:token -> when the lease ends; one member a permit
--       4 queue    sorted set: process -> ticket; the processes that want permits
--       5 entries  hash: process -> "wanted weight lease beat granted token:weight ..."; see `load`
--       6 alive    sorted set: process -> until when its entry counts as alive
-- ARGV  1 operation: sync or status
--       2 process: CHANNEL#INDEX
--       3 prefix of the channels
--       4 the highest epoch that this process has seen
--       5 the highest number (token or ticket) that this process has seen
--       6 the longest lease in this namespace
local SERVER, LIMIT, HOLDERS, QUEUE, ENTRIES, ALIVE = unpack(KEYS)
local operation, process, prefix = ARGV[1], ARGV[2], ARGV[3]
local epoch_seen, number_seen, longest = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

-- How many grants a process may have that it has not acknowledged, and how many permits one run of the script grants.
local WINDOW, BUDGET = 128, 256
-- A limit that is not used for this long is forgotten.
local MONTH = 30 * 24 * 3600 * 1000

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function int(number) return string.format('%.0f', number) end

-- The state is lost, or may lack the newest grants, if it was written by another run of the server, or by this one
-- before another server took over or a key was evicted, or if a client remembers a later epoch. The holders of lost grants stop at the
-- latest one longest lease from now, so nothing is granted until then, and holders that still renew are registered
-- again.
local id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
  .. string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)')
local server = redis.call('HMGET', SERVER, 'id', 'epoch', 'opens', 'last')
local epoch, opens = tonumber(server[2]) or 0, tonumber(server[3]) or 0
local last = math.max(tonumber(server[4]) or 0, number_seen)
if server[1] ~= id or epoch < epoch_seen then
  epoch, opens = math.max(epoch, epoch_seen) + 1, now + longest
  if operation == 'sync' then redis.call('HSET', SERVER, 'id', id, 'epoch', epoch, 'opens', int(opens)) end
elseif opens > now + longest then
  -- The server's clock was set back. The pause starts again, so that it does not last for as long as the jump.
  opens = now + longest
  if operation == 'sync' then redis.call('HSET', SERVER, 'opens', int(opens)) end
end
local pause = math.max(0, opens - now)

-- Returns limit, version, permits held, pause, holders as {process, age} and waiters as {process, permits wanted}: at
-- most 1000 of each.
if operation == 'status' then
  local stored = redis.call('HMGET', LIMIT, 'limit', 'version')
  local holders, waiters = {}, {}
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', HOLDERS, int(now), '+inf', 'LIMIT', 0, 1000)) do
    local holder, token = string.match(member, '^(.*):(%d+)$')
    holders[#holders + 1] = {holder, math.max(0, now - tonumber(token))}
  end
  for _, waiter in ipairs(redis.call('ZRANGE', QUEUE, 0, 999)) do
    local wanted, weight = string.match(redis.call('HGET', ENTRIES, waiter) or '', '^(%d+) (%d+)')
    waiters[#waiters + 1] = {waiter, (tonumber(wanted) or 0) * (tonumber(weight) or 0)}
  end
  return {tonumber(stored[1]) or 0, tonumber(stored[2]) or 0, redis.call('ZCOUNT', HOLDERS, int(now), '+inf'), pause,
    holders, waiters}
end

-- ARGV  7 limit, 8 version: the newest that this process knows
--       9 lease
--      10 the last token that this process has received: acknowledges all grants up to it
--      11 how many requests the process wants to be granted beside those, 12 permits of each request
--      13 beat: numbers the syncs of this process
--      14 ticket of an earlier answer, 0 if there is none
--      15 1 to be granted what is available at once, without queueing
--      16 number of tokens to release; these, then the tokens to renew
local my_limit, my_version, lease = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local received, wanted, weight, beat = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12]), ARGV[13]
local ticket, at_once, releases = tonumber(ARGV[14]), ARGV[15] == '1', tonumber(ARGV[16])
local FIRST_TOKEN = 17

local stored = redis.call('HMGET', LIMIT, 'limit', 'version', 'now')
local limit, version = tonumber(stored[1]), tonumber(stored[2]) or 0
if not limit or my_version > version then limit, version = my_limit, my_version end
redis.call('HSET', LIMIT, 'limit', int(limit), 'version', int(version), 'now', int(now))

-- If the server's clock was set back, no lease lasts longer for it.
if now < (tonumber(stored[3]) or 0) then
  for _, set in ipairs({HOLDERS, ALIVE}) do
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', set, '(' .. int(now + longest), '+inf')) do
      redis.call('ZADD', set, int(now + longest), member)
    end
  end
end

-- Expired holders and dead waiters go first.
redis.call('ZREMRANGEBYSCORE', HOLDERS, '-inf', int(now))
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', ALIVE, '-inf', int(now))) do
  redis.call('ZREM', QUEUE, dead)
  redis.call('HDEL', ENTRIES, dead)
  redis.call('ZREM', ALIVE, dead)
end

-- Tickets and tokens come from one counter that never falls behind the clock or behind what any client has seen.
-- Returns the first of `count` numbers.
local function next_number(count)
  local first = math.max(last + 1, now)
  last = first + count - 1
  return first
end

-- Registers or renews the permits of a grant.
local function hold(holder, token, permits, duration)
  for i = 0, permits - 1 do
    redis.call('ZADD', HOLDERS, int(now + duration), holder .. ':' .. int(token + i))
  end
end

-- A release of a grant that the state lost is in time by the client's own deadline, as nothing was granted since.
local released = {}
for i = FIRST_TOKEN, FIRST_TOKEN + releases - 1 do
  local removed = redis.call('ZREM', HOLDERS, process .. ':' .. ARGV[i])
  released[#released + 1] = (removed == 1 or pause > 0) and '1' or '0'
end
local renewed = {}
for i = FIRST_TOKEN + releases, #ARGV do
  local runs_on = pause > 0 or redis.call('ZSCORE', HOLDERS, process .. ':' .. ARGV[i])
  if runs_on then hold(process, tonumber(ARGV[i]), 1, lease) end
  renewed[#renewed + 1] = runs_on and '1' or '0'
end

-- What the server knows of a process: its requests, its lease, the beat of its last sync, the token of its last grant,
-- and the grants that it has not acknowledged.
local entries = {}
local function load(name)
  local text = redis.call('HGET', ENTRIES, name)
  if not text then return nil end
  local words = {}
  for word in string.gmatch(text, '%S+') do words[#words + 1] = word end
  local entry = {
    wanted = tonumber(words[1]), weight = tonumber(words[2]), lease = tonumber(words[3]), beat = words[4],
    granted = tonumber(words[5]), pending = {}, fresh = {},
  }
  for i = 6, #words do
    local token, permits = string.match(words[i], '(%d+):(%d+)')
    entry.pending[#entry.pending + 1] = {tonumber(token), tonumber(permits)}
  end
  return entry
end
local function save(name, entry)
  local words = {int(entry.wanted), int(entry.weight), int(entry.lease), entry.beat, int(entry.granted)}
  for _, grant in ipairs(entry.pending) do words[#words + 1] = int(grant[1]) .. ':' .. int(grant[2]) end
  redis.call('HSET', ENTRIES, name, table.concat(words, ' '))
end

-- The grants that were not acknowledged are reported again: their messages may be lost. Not in a pause, in which
-- nothing is granted: then they end with their leases.
local mine = {weight = weight, lease = lease, beat = beat, granted = received, pending = {}, fresh = {}}
local before = load(process)
if before and pause == 0 then
  for _, grant in ipairs(before.pending) do
    if grant[1] > received and redis.call('ZSCORE', HOLDERS, process .. ':' .. int(grant[1])) then
      hold(process, grant[1], grant[2], lease)
      mine.granted = grant[1]
      mine.pending[#mine.pending + 1] = grant
    end
  end
end
mine.wanted = math.max(0, wanted - #mine.pending)
entries[process] = mine

local available = 0
if pause == 0 then available = limit - redis.call('ZCARD', HOLDERS) end
local budget = BUDGET

local function grant(name, entry)
  local token = next_number(entry.weight)
  hold(name, token, entry.weight, entry.lease)
  available, budget = available - entry.weight, budget - entry.weight
  if #entry.fresh == 0 then entry.previous = entry.granted end
  entry.fresh[#entry.fresh + 1] = int(token) .. ' ' .. int(entry.weight)
  entry.wanted, entry.granted = entry.wanted - 1, token
  entry.pending[#entry.pending + 1] = {token, entry.weight}
end

-- This process queues, or leaves the queue. A request that does not queue must not overtake those that do.
if mine.wanted == 0 or at_once then
  redis.call('ZREM', QUEUE, process)
  while mine.wanted > 0 and mine.weight <= available and redis.call('ZCARD', QUEUE) == 0 do grant(process, mine) end
  mine.wanted = 0
elseif not redis.call('ZSCORE', QUEUE, process) then
  if ticket == 0 then ticket = next_number(1) end
  redis.call('ZADD', QUEUE, int(ticket), process)
end

-- Grants to the front of the queue while its request fits. A process that wants more goes to the back after a grant,
-- so busy processes take turns with quiet ones. No request overtakes the front.
while available > 0 and budget > 0 do
  local front = redis.call('ZRANGE', QUEUE, 0, 0)[1]
  if not front then break end
  local entry = entries[front] or load(front)
  if not entry or entry.wanted == 0 or #entry.pending >= WINDOW then
    -- It queues again with its next sync.
    redis.call('ZREM', QUEUE, front)
  elseif entry.weight > available then
    break
  else
    entries[front] = entry
    grant(front, entry)
    if entry.wanted > 0 then
      redis.call('ZADD', QUEUE, int(next_number(1)), front)
    else
      redis.call('ZREM', QUEUE, front)
    end
  end
end

-- The others learn of their grants by a message. If it is lost, their next sync reports the grants again.
for name, entry in pairs(entries) do
  if name ~= process then
    local channel, index = string.match(name, '^(.*)#(%d+)$')
    local place = redis.call('ZSCORE', QUEUE, name)
    redis.call('PUBLISH', prefix .. channel, table.concat({index, entry.beat, int(tonumber(place) or 0),
      int(entry.previous), table.concat(entry.fresh, ' ')}, ' '))
    save(name, entry)
  end
end

if mine.wanted > 0 or #mine.pending > 0 then
  save(process, mine)
  redis.call('ZADD', ALIVE, int(now + lease), process)
else
  redis.call('HDEL', ENTRIES, process)
  redis.call('ZREM', ALIVE, process)
end

-- The front tries again when the pause or the next lease ends. The others are served by it.
local place, retry_after = tonumber(redis.call('ZSCORE', QUEUE, process)) or 0, longest
if place > 0 and redis.call('ZRANK', QUEUE, process) == 0 then
  if pause > 0 then retry_after = pause end
  local ends = tonumber(redis.call('ZRANGE', HOLDERS, 0, 0, 'WITHSCORES')[2])
  if ends then retry_after = math.min(retry_after, ends - now) end
end

redis.call('HSET', SERVER, 'last', int(last))
for _, key in ipairs({HOLDERS, QUEUE, ENTRIES, ALIVE}) do
  redis.call('PEXPIRE', key, int(math.ceil(longest / 500)))
end
redis.call('PEXPIRE', LIMIT, MONTH)

local grants = {}
for i, granted in ipairs(mine.pending) do grants[i] = {granted[1], granted[2]} end
return {epoch, last, limit, version, pause, place, math.max(1, retry_after), grants, table.concat(released),
  table.concat(renewed)}
