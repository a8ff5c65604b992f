/** Streams over real HTTP: a provider that dies at every possible part, a consumer that leaves at every possible part. */
import { assert, describe, it } from "@effect/vitest"
import { Defaults, RoutedModel } from "@spillway/core"
import { OpenAiCompatible } from "@spillway/providers"
import { Behaviour, FakeAnswer, FakeProvider, RetryAfter } from "@spillway/providers/testing"
import { SmoothWeightedRoundRobin } from "@spillway/strategies"
import { Effect, Fiber, Layer, Stream } from "effect"
import { LanguageModel } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import fc from "fast-check"

const tokens = 4
/** The role, each token, the finish, the usage: more events than there are. */
const events = tokens + 3
const question = "What comes next?"

const faults: Record<string, (after: number) => Behaviour.Behaviour> = {
  answer: () => Behaviour.answer({ tokens }),
  cut: (after) => Behaviour.cutAfter(after, Behaviour.answer({ tokens })),
  end: (after) => Behaviour.endWithoutFinish(after, Behaviour.answer({ tokens })),
  stall: (after) => Behaviour.stallAfter(after, Behaviour.answer({ tokens })),
  malformed: (after) => Behaviour.malformedChunkAfter(after, Behaviour.answer({ tokens })),
  "error in 200": (after) => Behaviour.errorIn200({ after }, Behaviour.answer({ tokens })),
  reset: () => Behaviour.resetBeforeHeaders,
  silent: () => Behaviour.silent,
  503: () => Behaviour.status(503),
  429: () => Behaviour.rateLimited({ retryAfter: RetryAfter.milliseconds(1) })
}

const countsEvents = new Set(["cut", "end", "stall", "malformed", "error in 200"])

interface Situation {
  readonly faults: ReadonlyArray<{ readonly fault: string; readonly after: number }>
  readonly onBreak: "fail" | "restart" | "buffered"
  readonly consumer: { readonly kind: "drain" | "take" | "interrupt"; readonly n: number }
}

const situation: fc.Arbitrary<Situation> = fc.record({
  faults: fc.array(fc.record({ fault: fc.constantFrom(...Object.keys(faults)), after: fc.nat(events) }), {
    minLength: 1,
    maxLength: 3
  }),
  onBreak: fc.constantFrom("fail", "restart", "buffered"),
  consumer: fc.record({ kind: fc.constantFrom("drain", "drain", "take", "interrupt"), n: fc.nat(events) })
})

/** One call in that situation; says what is wrong with its end. */
const run = (fake: FakeProvider.FakeProvider, { consumer, faults: script, onBreak }: Situation) =>
  Effect.gen(function* () {
    const steps = script.map(({ after, fault }) => faults[fault]?.(after) ?? Behaviour.answer({ tokens }))
    // One target goes through its faults, then answers; the other one always does.
    fake.script("a", Behaviour.sequence([...steps, Behaviour.answer({ tokens })]))
    fake.script("b", Behaviour.answer({ tokens }))
    const router = yield* RoutedModel.CurrentRouter
    let text = ""
    let parts = 0
    const reached = (part: { readonly type: string; readonly delta?: unknown; readonly metadata?: unknown }) => {
      if (RoutedModel.isRestart(part)) text = ""
      if (part.type === "text-delta") text += String(part.delta)
      parts++
    }
    const stream = LanguageModel.streamText({ prompt: question })
    const read = Stream.runForEach(consumer.kind === "take" ? Stream.take(stream, consumer.n) : stream, (part) => {
      reached(part)
      return consumer.kind === "interrupt" && parts > consumer.n ? Effect.never : Effect.void
    })
    const fiber = yield* Effect.forkChild(Effect.result(read), { startImmediately: true })
    if (consumer.kind === "interrupt") {
      yield* fake.until(() => fake.count() > 0)
      yield* Effect.raceFirst(Fiber.await(fiber), Effect.sleep(consumer.n))
      yield* Fiber.interrupt(fiber)
    }
    const exit = yield* Fiber.await(fiber)
    yield* fake.idle
    const problems: Array<string> = []
    const ended = exit._tag === "Success" ? exit.value._tag : "Interrupted"
    if (consumer.kind === "drain" && ended === "Success" && !FakeAnswer.isCompleteAnswer(question, text)) {
      problems.push(`an incomplete answer was shown as a success: ${JSON.stringify(text)}`)
    }
    const { targets } = yield* router.status
    // The other target never fails by its script; where a clock ran out on it, the machine was too slow to tell.
    const spared = targets.every((target) => target.id !== "b" || target.failed === 0)
    if (consumer.kind === "drain" && ended === "Failure" && onBreak !== "fail" && spared) {
      problems.push("failed, and could have answered")
    }
    if (fake.inFlight() !== 0) problems.push(`the provider still has ${fake.inFlight()} requests`)
    for (const target of targets) {
      if (target.inFlight !== 0) problems.push(`${target.id} has ${target.inFlight} in flight`)
      if (target.gates["bulkhead"]?.["inFlight"] !== 0) problems.push(`a permit of ${target.id} is lost`)
    }
    return problems
  })

const inAWorld = <A>(
  body: (
    fake: FakeProvider.FakeProvider,
    situation: Situation
  ) => Effect.Effect<A, never, LanguageModel.LanguageModel | RoutedModel.CurrentRouter>
) =>
  Effect.gen(function* () {
    const fake = yield* FakeProvider.make({ models: { a: Behaviour.answer(), b: Behaviour.answer() } })
    const model = (id: string) => OpenAiCompatible.make({ model: id, baseUrl: fake.url })
    const [a, b] = yield* Effect.all([model("a"), model("b")])
    return (situation: Situation) =>
      Effect.suspend(() => {
        fake.clear()
        return body(fake, situation)
      }).pipe(
        Effect.provide(
          RoutedModel.layer({
            targets: [
              { id: "a", client: a },
              { id: "b", client: b }
            ],
            timeouts: { firstContent: "300 millis", idle: "300 millis" },
            onBreak: situation.onBreak
          }).pipe(
            Layer.provide([
              SmoothWeightedRoundRobin.layer({ randomStart: false }),
              Defaults.make({
                gates: { breaker: false },
                retry: { maxAttempts: 10, transient: { base: "1 millis" }, throttled: { base: "1 millis" } }
              })
            ])
          )
        )
      )
  }).pipe(Effect.provide(FetchHttpClient.layer))

describe("streams over real sockets", () => {
  it.live(
    "lose no permit and no socket, whatever the provider does at whichever part, and show no cut answer as whole",
    () =>
      Effect.gen(function* () {
        const world = yield* inAWorld(run)
        for (const fault of Object.keys(faults)) {
          const last = countsEvents.has(fault) ? events : 0
          for (let after = 0; after <= last; after++) {
            const problems = yield* world({
              faults: [{ fault, after }],
              onBreak: "restart",
              consumer: { kind: "drain", n: 0 }
            })
            assert.deepStrictEqual(problems, [], `${fault} after ${after}`)
          }
        }
      }).pipe(Effect.scoped),
    60_000
  )

  it.live(
    "lose nothing under random faults, policies and consumers",
    () =>
      Effect.gen(function* () {
        const world = yield* inAWorld(run)
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(situation, async (given) => {
              assert.deepStrictEqual(await Effect.runPromise(world(given)), [])
            }),
            { numRuns: 150 }
          )
        )
      }).pipe(Effect.scoped),
    120_000
  )
})
