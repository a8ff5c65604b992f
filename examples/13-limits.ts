// How do I keep an account's limits on requests, tokens and money, and a reserve for what must not wait?
//
// Gates by themselves, to which time is a number; then two targets of one account in a router; then a reserve of 30 %.
import type { Cost } from "@spillway/core/Cost"
import { createRouter } from "@spillway/core/createRouter"
import { type Gate, isReject } from "@spillway/core/Gate"
import * as Headroom from "@spillway/core/Headroom"
import * as MultiLimit from "@spillway/core/MultiLimit"
import { failure, ignored, type Outcome, rateLimited, success, type Unused, unused } from "@spillway/core/Outcome"
import * as RateLimit from "@spillway/core/RateLimit"
import * as SlidingWindow from "@spillway/core/SlidingWindow"
import * as SmoothWeightedRoundRobin from "@spillway/strategies/SmoothWeightedRoundRobin"

const half = () => 0.5 // these gates ask for no chance
const fill = (gate: Gate, cost?: Partial<Cost>) => {
  for (let n = 0; ; n++) {
    const answer = gate.admit(0, { requests: 1, tokens: 0, ...cost }, half)
    if (isReject(answer)) return `${n} pass, then ${answer.reason}, next at ${answer.retryAt ?? "?"} ms`
  }
}
console.log("RateLimit:", fill(RateLimit.make({ requestsPerMinute: 60, burst: 5 })))
console.log("SlidingWindow:", fill(SlidingWindow.make({ limit: 60, window: "1 minute", exact: true })))

// #region settle
const settled = (outcome: Outcome | Unused, outputTokens?: number) => {
  const gate = MultiLimit.make({ tokensPerMinute: 10_000, usdPerDay: 5, price: { input: 2.5, output: 10 } })
  const permit = gate.admit(0, { requests: 1, tokens: 4000, outputTokens: 1000 }, half) // reserves what is estimated
  if (isReject(permit)) return permit.reason
  gate.settle(permit, outcome, 0, { ...notMeasured, outputTokens }) // corrects it to what was used
  const { "tokensPerMinute.used": tokens, "usdPerDay.used": usd } = gate.snapshot(0)
  return `4000 reserved, ${tokens} tokens and $${usd} used`
}
// #endregion
const notMeasured = { ms: 900, firstContentMs: undefined, inputTokens: undefined, limits: undefined }
console.log("answered with 200 tokens:", settled(success, 200))
console.log("answered with 9000 tokens:", settled(success, 9000))
console.log("cancelled before content:", settled(ignored))
console.log("cut off after content:", settled(failure("Truncated", { afterFirstContent: true })))
console.log("refused with 429:", settled(rateLimited()))
console.log("never sent:", settled(unused))

// #region use
const team = { tokensPerMinute: 20_000, usdPerDay: 5, price: { input: 2.5, output: 10 } } // USD per million tokens
const limits = { requestsPerMinute: 600, burst: 20 } // of each target, beside those of its account
const router = createRouter({
  targets: (["eu", "us"] as const).map((id) => ({ id, client: id, account: "team", limits })),
  strategy: SmoothWeightedRoundRobin.make({ randomStart: false }),
  gates: { accounts: { team } }
})
const request = { estimatedTokens: { input: 3000, output: 1000 }, deadline: "1 second" } as const
const ask = (header?: string) =>
  router.route(async (attempt) => {
    attempt.report({ inputTokens: 3000, outputTokens: 200 }) // what the answer says it used
    const limit = { resource: "tokens", remaining: Number(header), resetMs: 20_000 } as const
    if (header !== undefined) attempt.report({ limits: [limit] }) // what its headers say is left
    return `answered by ${attempt.target.id}`
  }, request)
// #endregion
console.log(await ask(), "and", await ask("500"), "and", await ask().catch(String))
await router.close()

console.log(Headroom.validate({ headroom: 0.3, weights: { a: 5, b: 3, c: 2 } }))
const { chance, mean } = Headroom.wait({ capacity: 5, utilisation: 0.7 })
console.log(`5 places at 70 %: ${chance.toFixed(2)} wait, on average ${mean.toFixed(2)} of an attempt`)
const kept = Headroom.make({ capacity: 10, headroom: 0.3 })
console.log("P2:", fill(kept, { priority: "P2" }))
console.log("failover of P1:", fill(kept, { reason: "failover" }))

// Expect:
//   RateLimit: 5 pass, then RateLimited, next at 1000 ms
//   SlidingWindow: 60 pass, then RateLimited, next at 60000 ms
//   answered with 200 tokens: 4000 reserved, 3200 tokens and $0.0095 used
//   cancelled before content: 4000 reserved, 3000 tokens
//   /answered by eu and answered by us and RouteError: .*eu TokensLimited, us TokensLimited; worth asking again in (19\d{3}|20000) ms/
//   Without a (50 % of the weight), b, c would run at 1.40 of capacity.
//   P2: 7 pass, then Reserved
//   failover of P1: 3 pass, then BulkheadFull
