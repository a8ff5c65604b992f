// How many attempts at once does a target take, and who finds that number?
//
// A fixed bulkhead where somebody knows it, one that learns where nobody does. A target in this program takes so many
// attempts at once and answers the others with 429. Time is a number, nothing waits, and nothing is left to chance.
import * as AdaptiveBulkhead from "@spillway/core/AdaptiveBulkhead"
import * as Bulkhead from "@spillway/core/Bulkhead"
import { createRouter } from "@spillway/core/createRouter"
import { type Gate, isReject } from "@spillway/core/Gate"
import { ignored, type Outcome, rateLimited, success } from "@spillway/core/Outcome"
import * as SmoothWeightedRoundRobin from "@spillway/strategies/SmoothWeightedRoundRobin"

// #region use
const router = createRouter({
  targets: [
    { id: "ours", client: "gpu.internal", limits: { maxInFlight: 8 } }, // we know: it has eight places
    { id: "vendor", client: "api.example" } // nobody knows
  ],
  strategy: SmoothWeightedRoundRobin.make({ randomStart: false }),
  gates: { maxInFlight: 100 } // for targets that say nothing themselves; this is the default
})

const learning = createRouter({
  targets: [{ id: "vendor", client: "api.example" }],
  strategy: SmoothWeightedRoundRobin.make(),
  gates: { maxInFlight: 200, adaptive: { initial: 20 } } // learned, and never above 200
})
// #endregion
for (const { gates, id } of [...router.status().targets, ...learning.status().targets]) {
  console.log(id, JSON.stringify(gates["bulkhead"] ?? gates["adaptive-bulkhead"]))
}
await Promise.all([router.close(), learning.close()])

/** As many attempts at once as the gate admits; how the n-th of them ends, `outcome` says. How many there were. */
const round = (gate: Gate, outcome: (n: number) => Outcome, firstContentMs?: number) => {
  const permits: Array<object> = []
  for (;;) {
    const permit = gate.admit(0, { requests: 1, tokens: 0 }, () => 0.5)
    if (isReject(permit)) break
    permits.push(permit)
  }
  const rest = { ms: 9000, inputTokens: undefined, outputTokens: undefined, limits: undefined }
  permits.forEach((permit, i) => {
    gate.settle(permit, outcome(i), 0, { ...rest, firstContentMs })
  })
  return permits.length
}
const rounds = (n: number, gate: Gate, outcome: (n: number) => Outcome, firstContentMs?: number) =>
  Array.from({ length: n }, () => round(gate, outcome, firstContentMs)).join(" ")
const [answers, left] = [() => success, () => ignored]
const takes = (places: number) => (n: number) => (n < places ? success : rateLimited())

console.log("fixed:", rounds(3, Bulkhead.make({ maxInFlight: 8 }), takes(30)))

const aimd = AdaptiveBulkhead.make({ max: 100 })
console.log("takes 30:", rounds(24, aimd, takes(30)))
console.log("takes 12:", rounds(16, aimd, takes(12)))
console.log("callers leave:", rounds(8, aimd, left))
console.log("takes 60:", rounds(16, aimd, takes(60)))

const gradient = AdaptiveBulkhead.make({ algorithm: AdaptiveBulkhead.gradient(), max: 60 })
console.log("first content after 400 ms: ", rounds(7, gradient, answers, 400))
console.log("first content after 2000 ms:", rounds(6, gradient, answers, 2000))
console.log("still 2000 ms, now normal:  ", rounds(8, gradient, answers, 2000))

// Expect:
//   ours {"state":"free","inFlight":0,"maxInFlight":8}
//   vendor {"state":"free","inFlight":0,"limit":20
//   fixed: 8 8 8
//   /takes 30: 20 31 .* 28 29 29 30 30/
//   /takes 12: 31 27 .* 13 11 11/
//   callers leave: 12 12 12 12 12 12 12 12
//   first content after 2000 ms: 60 20 20 20 20 20
//   /now normal: .* 60 60/
