/**
 * The generic cell rate algorithm, twice: as the script that Redis runs for all processes, and as the same rule for one
 * process while Redis is away.
 *
 * One number of state: the theoretical arrival time (TAT), when everything admitted so far is paid off. With an interval
 * T per unit: `new = max(now, TAT) + cost * T`, admitted iff `new - now <= burst * T`. So any window of length L admits at
 * most `burst + floor(L / T)` units. Source: ITU-T I.371, "generic cell rate algorithm" (virtual scheduling form).
 */
import { script } from "./server.ts"

export interface Verdict {
  readonly allowed: boolean
  /** Units that would be admitted now. */
  readonly remaining: number
  /** Milliseconds until the same cost would be admitted; Infinity when it never can be. */
  readonly retryAfterMs: number
}

// KEYS: the state. ARGV: T in whole microseconds, burst, cost. Answers {allowed, remaining, retry in us or -1, now in us}.
// Whole microseconds keep the sums exact: 2^53 us is the year 2255.
const consumeLua = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local depth = interval * burst
local stored = tonumber(redis.call('GET', KEYS[1]) or now)
local tat = math.max(stored, now)
-- More debt than a full burst cannot be: the server's clock was set back, or the limit was changed. A full burst it is.
if tat > now + depth then tat = now + depth end
local new = tat + cost * interval
local allowed = new - now <= depth
if allowed then tat = new end
-- Past its TAT the state says nothing, so that is when it expires; PX takes whole milliseconds, rounded up.
if allowed or tat < stored then
  redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000))
end
local retry = 0
if not allowed then retry = cost > burst and -1 or new - depth - now end
return {allowed and 1 or 0, math.floor((now + depth - tat) / interval), retry, string.format('%.0f', now)}
`

/** Parameters: key, T in whole microseconds, burst, cost. */
export const consume = script(
  (key: string, interval: number, burst: number, cost: number) => [key, interval, burst, cost],
  { lua: consumeLua, numberOfKeys: 1 }
).withReturnType<readonly [allowed: number, remaining: number, retryMicros: number, nowMicros: string]>()

// KEYS: the state. ARGV: T in whole microseconds, units to give back. Never above a full burst; without state nothing is owed.
const refundLua = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local stored = tonumber(redis.call('GET', KEYS[1]) or now)
local tat = stored - ARGV[1] * ARGV[2]
if tat > now then
  redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000))
else
  redis.call('DEL', KEYS[1])
end
return 1
`

/** Parameters: key, T in whole microseconds, units. */
export const refund = script((key: string, interval: number, units: number) => [key, interval, units], {
  lua: refundLua,
  numberOfKeys: 1
}).withReturnType<number>()

export interface Local {
  readonly consume: (now: number, cost: number) => Verdict
  readonly refund: (now: number, cost: number) => void
}

/**
 * The same rule in one process, for its share of the limit. `maxCost` is the burst of the whole limit: what costs more than
 * the share's burst, but not more than that, is admitted when nothing is owed, and paid off afterwards.
 */
export const local = (options: {
  readonly intervalMs: number
  readonly burst: number
  readonly maxCost: number
}): Local => {
  const { burst, intervalMs, maxCost } = options
  const depth = intervalMs * burst
  let tat = Number.NEGATIVE_INFINITY
  // The nudge is for sums of fractions: 4.999999999 units are 5.
  const remaining = (now: number) => Math.max(0, Math.floor((now + depth - Math.max(tat, now)) / intervalMs + 1e-6))
  return {
    consume: (now, cost) => {
      const limit = Math.max(depth, cost * intervalMs)
      const next = Math.max(tat, now) + cost * intervalMs
      if (cost > maxCost) return { allowed: false, remaining: remaining(now), retryAfterMs: Number.POSITIVE_INFINITY }
      if (next - now > limit + intervalMs * 1e-6)
        return { allowed: false, remaining: remaining(now), retryAfterMs: next - limit - now }
      tat = next
      return { allowed: true, remaining: remaining(now), retryAfterMs: 0 }
    },
    refund: (now, cost) => {
      tat = Math.max(tat - cost * intervalMs, now)
    }
  }
}
