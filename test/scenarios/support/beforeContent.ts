/** Faults before any content: nobody sees them, a vendor of another dialect answers. */
import { assert } from "@effect/vitest"
import { Trip } from "@spillway/core"
import { Behaviour } from "@spillway/providers/testing"
import { Duration, Effect } from "effect"
import { answer, byBackup, forEachDialect, scenario } from "./Cases.ts"
import { hints } from "./Vendors.ts"

/** Faults before any content, and what the record of the attempt says. */
const early: Readonly<Record<string, readonly [fault: Behaviour.Behaviour, errorType: string, ofWhole?: string]>> = {
  "a 429 without a hint": [Behaviour.rateLimited(), "RateLimited"],
  "a 500": [Behaviour.status(500), "Overloaded"],
  "a proxy's 503": [Behaviour.status(503, { body: "html" }), "Overloaded"],
  "a reset before the headers": [Behaviour.resetBeforeHeaders, "Network"],
  "an error inside a 200": [Behaviour.errorIn200({}, answer), "Overloaded"],
  // Half of a JSON answer that is said to be all of it.
  "a malformed beginning": [Behaviour.malformedChunkAfter(0, answer), "Protocol", "Truncated"],
  "a cut before any content": [Behaviour.cutAfter(1, answer), "Truncated"]
}

export const beforeContent = () => {
  for (const [what, [fault, ofStream, ofWhole = ofStream]] of Object.entries(early)) {
    scenario(`${what} moves the call to another vendor at once`, (vendors) =>
      forEachDialect(vendors, { primary: fault }, (given) =>
        Effect.gen(function* () {
          const heard = yield* given.answered()
          byBackup(given, heard)
          const { backup, name, primary, routed, streamed } = given
          const errorType = streamed ? ofStream : ofWhole
          assert.deepStrictEqual(routed.history(), [`${primary.name} ${errorType}`, `${backup.name} won`], name)
          assert.deepStrictEqual([primary.count(), backup.count()], [1, 1], name)
          assert.strictEqual(heard.restarts, 0, name)
        })
      )
    )
  }

  for (const [mistake, errorType] of [
    ["key", "Auth"],
    ["model", "ModelNotFound"]
  ] as const) {
    scenario(`a wrong ${mistake}, in the vendor's own words, is found out once`, (vendors) =>
      forEachDialect(vendors, { primary: answer, mistake }, (given) =>
        Effect.gen(function* () {
          byBackup(given, yield* given.answered())
          byBackup(given, yield* given.answered())
          const { backup, name, primary, routed } = given
          const won = `${backup.name} won`
          assert.deepStrictEqual(routed.history(), [`${primary.name} ${errorType}`, won, won], name)
          assert.deepStrictEqual([primary.seen.length, primary.count()], [0, 1], name)
        })
      )
    )
  }

  scenario("a vendor alone is asked again after a 500", (vendors) =>
    forEachDialect(vendors, { primary: Behaviour.sequence([Behaviour.status(500), answer]), alone: true }, (given) =>
      Effect.gen(function* () {
        yield* given.answered()
        assert.strictEqual(given.primary.count(), 2, given.name)
      })
    )
  )

  const silence = {
    "says nothing": Behaviour.silent,
    "only keeps the connection alive": Behaviour.keepAlive({ every: 40, for: "Infinity" }, answer),
    "is slow to begin": Behaviour.slowFirstToken("1 hour", answer),
    "stalls before any content": Behaviour.stallAfter(1, answer, { keepAlive: 40 })
  }
  scenario("a vendor that is silent in any way is left when its clock runs out, and its socket closed", (vendors) =>
    Effect.forEach(
      Object.entries(silence),
      ([what, fault], kind) =>
        forEachDialect(
          vendors,
          { primary: fault, short: ["attempt", "firstContent"] },
          (given) =>
            Effect.gen(function* () {
              byBackup(given, yield* given.answered())
              const { backup, primary, routed, streamed } = given
              const name = `${given.name}, which ${what}`
              const clock = streamed ? "TimeoutFirstContent" : "TimeoutAttempt"
              assert.strictEqual(routed.history()[0], `${primary.name} ${clock}`, name)
              assert.strictEqual(routed.history().at(-1), `${backup.name} won`, name)
              // A machine that is too busy may give up before the request is there.
              for (const { outcome } of primary.logged()) assert.match(outcome, /stalled|client-closed/, name)
            }),
          kind < 2 ? [true, false] : [true]
        ),
      { concurrency: "unbounded", discard: true }
    )
  )

  scenario("a vendor's hint is obeyed in each of its spellings: it is asked again after that, not before", (vendors) =>
    forEachDialect(
      vendors,
      { primary: answer, alone: true },
      ({ answered, dialect, name, primary }) =>
        Effect.gen(function* () {
          for (const [spelling, after] of Object.entries(hints[dialect])) {
            primary.script(Behaviour.sequence([Behaviour.rateLimited({ retryAfter: after(150) }), answer]))
            yield* answered()
            const [first, second] = primary.logged().slice(-2)
            const gap = (second?.at ?? 0) - (first?.at ?? 0)
            assert.isAtLeast(gap, 150, `${name}: ${spelling}`)
            // A time of day is told against a `date` of whole seconds, and so may seem up to a second longer.
            assert.isBelow(gap, 4000, `${name}: ${spelling}`)
          }
        }),
      [true]
    )
  )

  scenario("a vendor that asked for time is left alone by the calls that follow", (vendors) =>
    forEachDialect(
      vendors,
      (dialect) => ({
        primary: Behaviour.rateLimited({ retryAfter: Object.values(hints[dialect])[0]?.(60_000) ?? raise() })
      }),
      (given) =>
        Effect.gen(function* () {
          for (let call = 0; call < 2; call++) byBackup(given, yield* given.answered())
          assert.deepStrictEqual([given.primary.count(), given.backup.count()], [1, 2], given.name)
        })
    )
  )

  scenario("a vendor that is down for good costs its breaker's few attempts and no more", (vendors) =>
    forEachDialect(
      vendors,
      { primary: Behaviour.status(503), gates: { breaker: { trip: Trip.consecutive(3), openFor: "1 minute" } } },
      (given) =>
        Effect.gen(function* () {
          for (let call = 0; call < 6; call++) byBackup(given, yield* given.answered())
          const { backup, name, primary, routed } = given
          assert.deepStrictEqual([primary.count(), backup.count()], [3, 6], name)
          const { targets } = yield* routed.router.status
          assert.deepStrictEqual(
            targets.map(({ failed, state }) => [state, failed]),
            [
              ["BreakerOpen", 3],
              ["up", 0]
            ],
            name
          )
        })
    )
  )

  scenario("where all are silent the call ends at its deadline, and every socket is closed", (vendors) =>
    forEachDialect(vendors, { primary: Behaviour.silent, backup: Behaviour.silent, deadline: 400 }, (given) =>
      Effect.gen(function* () {
        const { error, text } = yield* given.ends()
        const { name, primary, routed } = given
        assert.strictEqual(text, "", name)
        assert.match(error?.message ?? "", /deadline of 400 ms/, name)
        assert.deepStrictEqual(
          routed.records.map(({ errorType, outcome }) => [outcome, errorType]),
          [["error", "DeadlineExceeded"]],
          name
        )
        for (const { outcome } of primary.logged()) assert.match(outcome, /stalled|client-closed/, name)
      })
    )
  )

  scenario("where all ask for time the caller is told how much", (vendors) =>
    forEachDialect(
      vendors,
      (dialect) => ({
        primary: Behaviour.rateLimited({ retryAfter: Object.values(hints[dialect])[0]?.(60_000) ?? raise() }),
        alone: true,
        deadline: 5000
      }),
      (given) =>
        Effect.gen(function* () {
          const { error } = yield* given.ends()
          assert.strictEqual(error?.reason._tag, "RateLimitError", given.name)
          assert.isAbove(Duration.toMillis(error?.retryAfter ?? 0), 50_000, given.name)
          assert.strictEqual(given.primary.count(), 1, given.name)
        })
    )
  )
}

const raise = (): never => {
  throw new Error("no spelling")
}
