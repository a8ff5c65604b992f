// How do I put parts of my own into a call's way, and take out what I do not want?
//
// Three parts of about ten lines: middleware around the call, a gate of the router, middleware around each attempt.
import * as DefaultPipeline from "@spillway/core/DefaultPipeline"
import * as Defaults from "@spillway/core/Defaults"
import * as Gate from "@spillway/core/Gate"
import * as Pipeline from "@spillway/core/Pipeline"
import * as Router from "@spillway/core/Router"
import * as SmoothWeightedRoundRobin from "@spillway/strategies/SmoothWeightedRoundRobin"
import { Effect, Layer } from "effect"

// #region request
/** The free plan gets short answers, streams too. The cache behind it keeps answers of another length apart. */
const plans = Pipeline.request("plans", {
  applies: ({ tags }) => tags["plan"] === "free",
  route: (request, next) => next({ ...request, maxOutputTokens: 200 }),
  stream: (request, next) => next({ ...request, maxOutputTokens: 200 })
})
// #endregion

// #region gate
/** Turns batch work (P3) away while `isOn` says so. */
const noBatch = (isOn: () => boolean): Gate.Gate => {
  const verdict = (priority?: string) => (isOn() && priority === "P3" ? Gate.reject("NoBatchNow") : undefined)
  return {
    name: "no-batch",
    peek: (_now, { priority }) => verdict(priority),
    admit: (_now, { priority }) => verdict(priority) ?? {}, // the permit
    settle: () => Gate.noEvents,
    snapshot: () => ({ state: isOn() ? "on" : "off" }),
    restore: () => {}
  }
}
// #endregion

// #region attempt
/** One line per attempt, inside its permits and its clock. */
const journal = Pipeline.attempt("journal", {
  route: ({ reason, request, target }, next) =>
    Effect.onExit(next, ({ _tag }) =>
      Effect.sync(() => console.log(`  ${target.id} (${reason}), ${request.maxOutputTokens ?? "any"} tokens: ${_tag}`))
    )
})
// #endregion

let busy = false
// #region pipeline
const pipeline = Pipeline.make({
  call: [plans, DefaultPipeline.cache, Pipeline.routerGate("noBatch", () => noBatch(() => busy))],
  attempt: [DefaultPipeline.gates, journal]
})
const uncached = Pipeline.remove(pipeline, "cache")
// #endregion

const targets = ["first", "second"].map((id) => ({ id, client: `https://${id}.example` }))
const program = Effect.gen(function* () {
  const cached = yield* Router.make({ targets, pipeline })
  const plain = yield* Router.make({ targets, pipeline: uncached })
  const ask = (router: typeof cached, plan: string) =>
    router.answer({ cacheKey: "largest river", tags: { plan } }, ({ target }) =>
      target.id === "first" ? Effect.fail(new Error("503")) : Effect.succeed("The Volga.")
    )
  for (const plan of ["paid", "free", "free"]) console.log(`${plan}: ${(yield* ask(cached, plan)).source}`)
  for (const plan of ["paid", "paid"]) console.log(`${plan}, uncached: ${(yield* ask(plain, plan)).source}`)
  busy = true
  console.log((yield* Effect.flip(plain.route({ priority: "P3" }, () => Effect.void))).reason.message)
})
const services = Layer.mergeAll(Defaults.layer, SmoothWeightedRoundRobin.layer({ randomStart: false }))
await Effect.runPromise(Effect.scoped(Effect.provide(program, services)))

// Expect:
//   first (primary), any tokens: Failure
//   second (failover), any tokens: Success
//   paid: model
//   second (primary), 200 tokens: Success
//   free: model
//   free: cache
//   paid, uncached: model
//   The router takes no further P3 call now: NoBatchNow
