-- Every change of the shared state, in one script, so that the server runs each change atomically.
--
-- All times are microseconds of the server's own clock. A client sends durations only and receives durations only.
--
-- KEYS  1 state    hash: run, permits, lease, opens, pause, last
--       2 holders  sorted set: process:request -> when the lease ends
--       3 queue    sorted set: process -> ticket; at most one request per process
--       4 alive    sorted set: process -> until when a waiting process counts as alive
-- ARGV  1 prefix of the wake lists, one list per process
--       2 operation: acquire, renew, release or leave
--       3 process
--       4 run id of the server, as the client read it on this connection
--       5 permits
--       6 lease
--       7 the highest number (ticket or token) that this process has seen
--       8 ... the requests; for acquire: request, ticket (0 if none yet)
local state, holders, queue, alive = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local wake, operation, process, run = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local permits, lease, seen = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local DAY = 24 * 3600 * 1000000
local function expire(key, duration)
  redis.call('PEXPIRE', key, math.ceil(duration / 1000))
end

-- Expired holders and dead waiters go first.
redis.call('ZREMRANGEBYSCORE', holders, '-inf', now)
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', alive, '-inf', now)) do
  redis.call('ZREM', queue, dead)
  redis.call('ZREM', alive, dead)
end

local known = redis.call('HMGET', state, 'run', 'permits', 'lease', 'opens', 'last', 'pause')
local old_permits, old_lease = tonumber(known[2]) or permits, tonumber(known[3]) or lease
local opens, last = tonumber(known[4]) or 0, tonumber(known[5]) or 0
local pause = tonumber(known[6]) or math.max(lease, old_lease)

-- Another run id, or none: the server restarted, a replica took over, or the state is new or was deleted. Grants may
-- be missing from the state. Their holders stop at the latest one lease from now, so nothing is granted until then,
-- and holders that still renew are registered again.
if known[1] ~= run then
  pause = math.max(lease, old_lease)
  opens = now + pause
  redis.call('HSET', state, 'run', run, 'permits', old_permits, 'lease', old_lease, 'opens', opens, 'pause', pause)
elseif opens > now + pause then
  -- The server's clock was set back. The pause starts again, so that it does not last for as long as the jump.
  opens = now + pause
  redis.call('HSET', state, 'opens', opens)
end

-- Tickets and tokens come from one counter that never falls behind the clock or behind what any client has seen.
last = math.max(last, seen)
local function next_number()
  last = math.max(last + 1, now)
  redis.call('HSET', state, 'last', last)
  return last
end

local function free()
  if now < opens then return 0 end
  return old_permits - redis.call('ZCARD', holders)
end

local function hold(member)
  redis.call('ZADD', holders, now + lease, member)
  expire(holders, 2 * lease)
end

local operations = {}

-- Returns {1, token}, {0, ticket, how long until it is worth another try}, or {-1, permits, lease} if the processes
-- disagree about the limit. A repeated request that was granted already is granted again, with a new token.
function operations.acquire(request, ticket)
  if permits ~= old_permits or lease ~= old_lease then
    if redis.call('ZCARD', holders) > 0 or redis.call('ZCARD', queue) > 0 then
      return {-1, old_permits, old_lease}
    end
    old_permits, old_lease = permits, lease
    redis.call('HSET', state, 'permits', permits, 'lease', lease)
  end
  local member = process .. ':' .. request
  local granted = redis.call('ZSCORE', holders, member)
  if not granted then
    if not redis.call('ZSCORE', queue, process) then
      ticket = tonumber(ticket)
      if ticket == 0 then ticket = next_number() end
      redis.call('ZADD', queue, ticket, process)
    end
    granted = redis.call('ZRANK', queue, process) < free()
  end
  if granted then
    redis.call('ZREM', queue, process)
    redis.call('ZREM', alive, process)
    redis.call('DEL', wake .. process)
    hold(member)
    return {1, next_number()}
  end
  redis.call('ZADD', alive, now + lease, process)
  expire(queue, 2 * lease)
  expire(alive, 2 * lease)
  local until_next = lease
  local function consider(at)
    if at and at > now then until_next = math.min(until_next, at - now) end
  end
  consider(opens)
  consider(tonumber(redis.call('ZRANGE', holders, 0, 0, 'WITHSCORES')[2]))
  consider(tonumber(redis.call('ZRANGE', alive, 0, 0, 'WITHSCORES')[2]))
  return {0, tonumber(redis.call('ZSCORE', queue, process)), until_next}
end

-- Returns 1 for each lease that runs on, 0 for each that ended.
function operations.renew(...)
  local answers = {}
  for i, request in ipairs({...}) do
    local member = process .. ':' .. request
    local runs_on = redis.call('ZSCORE', holders, member)
    if not runs_on and now < opens and redis.call('ZCARD', holders) < old_permits then
      runs_on = true -- The state lost this grant; nothing was granted since.
    end
    if runs_on then hold(member) end
    answers[i] = runs_on and 1 or 0
  end
  return answers
end

-- Returns 1 for each lease that had not ended. If the state lost a grant, nothing was granted since, so only the
-- client's own deadline counts.
function operations.release(...)
  local answers = {}
  for i, request in ipairs({...}) do
    local removed = redis.call('ZREM', holders, process .. ':' .. request)
    answers[i] = (removed == 1 or now < opens) and 1 or 0
  end
  return answers
end

-- Leaves the queue, and releases what the request may have been granted without the client's knowledge.
function operations.leave(request)
  redis.call('ZREM', queue, process)
  redis.call('ZREM', alive, process)
  redis.call('DEL', wake .. process)
  return {redis.call('ZREM', holders, process .. ':' .. request)}
end

local answer = operations[operation](unpack(ARGV, 8))

-- Wakes the waiting processes that have a permit waiting for them. A wake-up is a hint: losing one delays a waiter
-- until its next try, and a superfluous one costs one try.
local available = free()
if available > 0 then
  for _, front in ipairs(redis.call('ZRANGE', queue, 0, available - 1)) do
    local list = wake .. front
    if not (front == process and operation == 'acquire') and redis.call('EXISTS', list) == 0 then
      redis.call('RPUSH', list, 1)
      expire(list, lease)
    end
  end
end
expire(state, math.max(DAY, 2 * lease))
return answer
