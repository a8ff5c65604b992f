/**
 * The scripts of the priority queue. Every step of a job's life is one of them, so nobody ever sees half a step, and all
 * times are the server's.
 *
 * | key        | kind | holds                                                                |
 * | ---------- | ---- | -------------------------------------------------------------------- |
 * | `:ready`   | zset | ids that may be claimed, by score: the lowest is next                |
 * | `:lease`   | zset | claimed ids, by the ms at which the lease runs out                   |
 * | `:delayed` | zset | ids handed back with a delay, by the ms at which they are ready      |
 * | `:dead`    | zset | dead letters, by the ms at which they died                           |
 * | `:age`     | zset | ids in ready or delayed, by the ms at which they were enqueued       |
 * | `:job`     | hash | id -> body                                                           |
 * | `:info`    | hash | id -> `score class enqueued deadline` (a redelivery keeps its place) |
 * | `:tok`     | hash | id -> the token of its current owner: the fence                      |
 * | `:try`     | hash | id -> how often it was claimed                                       |
 * | `:stat`    | hash | counters, `depth:CLASS`, and `at` (the last place in line given out) |
 *
 * All of them carry the hash tag `{pq:NAME}`. Each expires when nobody enqueued or claimed for 30 days.
 */
import { script } from "./server.ts"

const kinds = ["ready", "lease", "delayed", "dead", "age", "job", "info", "tok", "try", "stat"] as const

/** KEYS of every script, in this order. */
export const keysOf = (name: string): ReadonlyArray<string> => kinds.map((kind) => `{pq:${name}}:${kind}`)

/** Published to when an empty queue gets something to claim. */
export const wakeChannel = (name: string) => `{pq:${name}}:wake`

const common = `
local ready, lease, delayed, dead, age = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local job, info, tok, try, stat = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function count(what, n) return redis.call('HINCRBY', stat, what, n or 1) end

-- score (text: it must not lose digits), class, ms of enqueueing, ms of the deadline ('0': none)
local function facts(id)
  local line = redis.call('HGET', info, id)
  if not line then return nil end
  return string.match(line, '^(%S+) (%S+) (%S+) (%S+)$')
end

-- Into the waiting room: ready, or delayed until it is.
local function wait(id, untilMs)
  local score, class, enqueued = facts(id)
  if not score then return end
  if untilMs > now then redis.call('ZADD', delayed, untilMs, id) else redis.call('ZADD', ready, score, id) end
  redis.call('ZADD', age, enqueued, id)
  count('depth:' .. class)
end

-- Out of it: the caller has taken the id from ready or delayed.
local function leave(id, class)
  redis.call('ZREM', age, id)
  count('depth:' .. class, -1)
end

local function forget(id)
  redis.call('HDEL', job, id)
  redis.call('HDEL', info, id)
  redis.call('HDEL', tok, id)
  redis.call('HDEL', try, id)
end

local function bury(id, keep)
  redis.call('ZADD', dead, now, id)
  count('died')
  if redis.call('ZCARD', dead) > keep then forget(redis.call('ZPOPMIN', dead)[1]) end
end

-- Does the token still own the job? Then the ownership ends here.
local function disown(id, token)
  if redis.call('HGET', tok, id) ~= token then
    count('stale')
    return false
  end
  redis.call('HDEL', tok, id)
  redis.call('ZREM', lease, id)
  return true
end

local function tries(id) return tonumber(redis.call('HGET', try, id) or '0') end

local function keep() for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, 2592000000) end end
`

const define = <Params extends ReadonlyArray<string | number>, Result>(lua: string) =>
  script((keys: ReadonlyArray<string>, ...params: Params) => [...keys, ...params], {
    lua: `${common}${lua}`,
    numberOfKeys: kinds.length
  }).withReturnType<Result>()

/**
 * A place in line is the ms of arrival times 1024, and at least one more than the last one: first come, first served within
 * a class, whatever the clock does. The score adds the slack of the class, as if the job had come that much later (earliest
 * deadline first: what waits long enough is next, whatever its class); in strict mode it is class first, then place.
 */
export const enqueue = define<
  [id: string, body: string, cls: number, slackMs: number, deadlineMs: number, max: number, channel: string],
  readonly [verdict: "Enqueued" | "Duplicate" | "Full", evicted: string]
>(`
local id, body, class, slack, deadline, max = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
if redis.call('HEXISTS', job, id) == 1 then return {'Duplicate', ''} end
local place = math.max(now * 1024, tonumber(redis.call('HGET', stat, 'at') or '0') + 1)
local score = place + slack * 1024
if slack < 0 then score = class * 2251799813685248 + place % 2251799813685248 end
local evicted = ''
local open = redis.call('ZCARD', ready)
if open + redis.call('ZCARD', delayed) >= max then
  local worst = redis.call('ZRANGE', ready, -1, -1, 'WITHSCORES')
  if not worst[1] or score >= tonumber(worst[2]) then
    count('refused')
    return {'Full', ''}
  end
  evicted = worst[1]
  local _, its = facts(evicted)
  redis.call('ZREM', ready, evicted)
  leave(evicted, its)
  forget(evicted)
  count('shed')
end
if deadline > 0 then deadline = now + deadline end
redis.call('HSET', stat, 'at', string.format('%.0f', place))
redis.call('HSET', job, id, body)
redis.call('HSET', info, id, string.format('%.0f %s %.0f %.0f', score, class, now, deadline))
wait(id, 0)
count('enqueued')
keep()
if open == 0 then redis.call('PUBLISH', ARGV[7], '') end
return {'Enqueued', evicted}
`)

/** One claimed job: id, body, attempt, class, ms since it was enqueued, ms until its deadline (-1: none). */
export type Row = readonly [id: string, body: string, attempt: number, cls: string, waited: number, left: number]

/** Reclaims what ran out, readies what was delayed (100 of each per call), hands out up to `n`, drops what is too late. */
export const claim = define<
  [n: number, leaseMs: number, maxAttempts: number, keepDead: number],
  readonly [token: string, jobs: ReadonlyArray<Row>, expired: ReadonlyArray<string>, died: ReadonlyArray<string>]
>(`
local n, ttl, maxTry, keepDead = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local jobs, expired, died = {}, {}, {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('ZREM', delayed, id)
  local score = facts(id)
  if score then redis.call('ZADD', ready, score, id) end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', lease, '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('ZREM', lease, id)
  redis.call('HDEL', tok, id) -- fences the old owner
  count('reclaimed')
  if tries(id) >= maxTry then
    bury(id, keepDead)
    died[#died + 1] = id
  else
    wait(id, 0)
  end
end
-- Never given out twice, even after all keys are lost: the time is in it.
local token = string.format('%s.%06d.%d', time[1], time[2], count('claims'))
local looks = n + 100
while #jobs < n and looks > 0 do
  looks = looks - 1
  local id = redis.call('ZPOPMIN', ready)[1]
  if not id then break end
  local body = redis.call('HGET', job, id)
  local _, class, enqueued, deadline = facts(id)
  if body and class then
    leave(id, class)
    deadline = tonumber(deadline)
    if deadline > 0 and deadline <= now then
      forget(id)
      count('expired')
      expired[#expired + 1] = id
    else
      redis.call('ZADD', lease, now + ttl, id)
      redis.call('HSET', tok, id, token)
      local attempt = redis.call('HINCRBY', try, id, 1)
      if attempt > 1 then count('redelivered') end
      jobs[#jobs + 1] = {id, body, attempt, class, now - enqueued, deadline > 0 and deadline - now or -1}
    end
  else
    redis.call('ZREM', age, id)
  end
end
keep()
return {token, jobs, expired, died}
`)

/** 1 when the token was current and the job is done, else 0. */
export const ack = define<[id: string, token: string], number>(`
local id = ARGV[1]
if not disown(id, ARGV[2]) then return 0 end
forget(id)
count('acked')
return 1
`)

/** 0 stale, 1 waiting again, 2 dead. `undo` 1 takes the attempt back: it was broken off, not failed. */
export const nack = define<
  [id: string, token: string, delayMs: number, maxAttempts: number, undo: 0 | 1, keepDead: number, channel: string],
  number
>(`
local id, delay, maxTry = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
if not disown(id, ARGV[2]) then return 0 end
if ARGV[5] == '1' then
  redis.call('HINCRBY', try, id, -1)
elseif tries(id) >= maxTry then
  bury(id, tonumber(ARGV[6]))
  return 2
end
local open = redis.call('ZCARD', ready)
wait(id, now + delay)
if delay == 0 and open == 0 then redis.call('PUBLISH', ARGV[7], '') end
return 1
`)

/** 1 when the token was current and the lease now ends `leaseMs` from now, else 0. */
export const extend = define<[id: string, token: string, leaseMs: number], number>(`
local id = ARGV[1]
if redis.call('HGET', tok, id) ~= ARGV[2] then
  count('stale')
  return 0
end
redis.call('ZADD', lease, now + tonumber(ARGV[3]), id)
return 1
`)

/** A claimed job straight to the dead letters: trying again cannot help. 1 when the token was current, else 0. */
export const kill = define<[id: string, token: string, keepDead: number], number>(`
if not disown(ARGV[1], ARGV[2]) then return 0 end
bury(ARGV[1], tonumber(ARGV[3]))
return 1
`)

/** The latest dead letters: id, body, attempts, class, ms since it died. */
export const deadLetters = define<
  [limit: number],
  ReadonlyArray<readonly [id: string, body: string, attempts: number, cls: string, died: number]>
>(`
local out = {}
local rows = redis.call('ZREVRANGE', dead, 0, tonumber(ARGV[1]) - 1, 'WITHSCORES')
for i = 1, #rows, 2 do
  local id = rows[i]
  local _, class = facts(id)
  if class then out[#out + 1] = {id, redis.call('HGET', job, id), tries(id), class, now - rows[i + 1]} end
end
return out
`)

/** A dead letter back into its place with all its attempts (`revive` 1), or away for good (0). 1 when it was one, else 0. */
export const undertake = define<[id: string, revive: 0 | 1, channel: string], number>(`
local id = ARGV[1]
if redis.call('ZREM', dead, id) == 0 then return 0 end
if ARGV[2] == '1' then
  redis.call('HDEL', try, id)
  wait(id, 0)
  redis.call('PUBLISH', ARGV[3], '')
else
  forget(id)
end
return 1
`)

/** Sizes of ready, delayed, lease, dead; ms since the oldest waiting job was enqueued (-1: none waits); the counters, flat. */
export const stats = define<
  [],
  readonly [ready: number, delayed: number, leased: number, dead: number, oldest: number, counts: ReadonlyArray<string>]
>(`
local oldest = redis.call('ZRANGE', age, 0, 0, 'WITHSCORES')[2]
return {
  redis.call('ZCARD', ready), redis.call('ZCARD', delayed), redis.call('ZCARD', lease), redis.call('ZCARD', dead),
  oldest and now - oldest or -1, redis.call('HGETALL', stat)
}
`)
