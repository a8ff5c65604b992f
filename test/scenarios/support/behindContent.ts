/** Streams that break behind their first content, in five dialects, and what each policy makes of it. */
import { assert } from "@effect/vitest"
import type { RoutedModel } from "@spillway/core"
import { Behaviour } from "@spillway/providers/testing"
import { Deferred, Effect, Fiber } from "effect"
import { answer, byBackup, type Case, forEachDialect, question, scenario, tokens, usage, words } from "./Cases.ts"
import type { Heard } from "./Heard.ts"

/** After the opening and two words. */
const after = 3

const late: Readonly<Record<string, readonly [fault: Behaviour.Behaviour, errorType: string]>> = {
  "is cut": [Behaviour.cutAfter(after, answer), "Truncated"],
  "ends without its end": [Behaviour.endWithoutFinish(after, answer), "Truncated"],
  "becomes an error": [Behaviour.errorIn200({ after }, answer), "Overloaded"],
  "becomes nonsense": [Behaviour.malformedChunkAfter(after, answer), "Protocol"]
}

type OnBreak = NonNullable<RoutedModel.Options["onBreak"]>

/** What the caller has, by policy, when a stream broke after two words. */
const outcomes: Record<OnBreak, (given: Case, heard: Heard) => void> = {
  fail: ({ backup, name }, { error, finish, text }) => {
    // What no waiting mends stays as it is.
    if (error?.reason._tag === "InvalidResponseError")
      assert.strictEqual(spillwayOf(error)?.["afterOutput"], true, name)
    else assert.strictEqual(spillwayOf(error)?.["reason"], "StreamBroken", name)
    assert.deepStrictEqual([text, finish, backup.count()], [words(2), undefined, 0], name)
  },
  restart: (given, heard) => {
    byBackup(given, heard)
    assert.deepStrictEqual([heard.restarts, heard.continuations], [1, 0], given.name)
  },
  continue: (given, heard) => {
    const { backup, name } = given
    byBackup(given, { ...heard, tokens: usage })
    assert.deepStrictEqual([heard.restarts, heard.continuations], [0, 1], name)
    assert.strictEqual(backup.seen[0]?.prefill, words(2), name)
    // Of the last attempt: the prompt with the two words, and the two that were missing.
    assert.deepStrictEqual(heard.tokens, { input: usage.input + 2, output: tokens - 2 }, name)
  },
  buffered: (given, heard) => {
    byBackup(given, heard)
    assert.deepStrictEqual([heard.restarts, heard.continuations], [0, 0], given.name)
  }
}

const policies = Object.keys(outcomes) as ReadonlyArray<OnBreak>

const notes: Record<OnBreak, string> = { fail: "", restart: " Restart", continue: " Continue", buffered: "" }

const spillwayOf = (error: Heard["error"]) => {
  const { metadata } = (error?.reason ?? {}) as { readonly metadata?: Record<string, Record<string, unknown>> }
  return metadata?.["spillway"]
}

export const behindContent = () => {
  for (const [what, [fault, errorType]] of Object.entries(late)) {
    scenario(`a stream that ${what} is dealt with as the policy says`, (vendors) =>
      Effect.forEach(
        // Policies do not look at why it broke.
        what === "is cut" ? policies : policies.filter((policy) => policy === "restart" || policy === "continue"),
        (onBreak) =>
          forEachDialect(
            vendors,
            { primary: fault, onBreak },
            (given) =>
              Effect.gen(function* () {
                const heard = yield* onBreak === "fail" ? given.ends() : given.answered()
                outcomes[onBreak](given, heard)
                const { backup, name, primary, routed } = given
                const won = onBreak === "fail" ? [] : [`${backup.name} won${notes[onBreak]}`]
                assert.deepStrictEqual(routed.history(), [`${primary.name} ${errorType}`, ...won], name)
                assert.strictEqual(primary.count(), 1, name)
              }),
            [true]
          ),
        { discard: true }
      )
    )
  }

  scenario("a stream that stalls is left when its clock runs out, whatever its policy", (vendors) =>
    Effect.forEach(
      policies,
      (onBreak) =>
        forEachDialect(
          vendors,
          { primary: Behaviour.stallAfter(after, answer, { keepAlive: 40 }), onBreak, short: ["idle"] },
          (given) =>
            Effect.gen(function* () {
              const heard = yield* onBreak === "fail" ? given.ends() : given.answered()
              const { backup, name, primary, routed } = given
              assert.strictEqual(routed.history()[0], `${primary.name} TimeoutIdle`, name)
              assert.match(primary.logged()[0]?.outcome ?? "", /stalled|client-closed/, name)
              if (onBreak === "fail") return outcomes.fail(given, heard)
              assert.strictEqual(routed.history().at(-1), `${backup.name} won${notes[onBreak]}`, name)
              assert.isAtLeast(heard.restarts + heard.continuations, onBreak === "buffered" ? 0 : 1, name)
            }),
          [true]
        ),
      { concurrency: "unbounded", discard: true }
    )
  )

  scenario("what may be missing after the end is not missed", (vendors) =>
    forEachDialect(
      vendors,
      { primary: Behaviour.withoutDone(answer) },
      ({ answered, backup, dialect, name, primary }) =>
        Effect.gen(function* () {
          const heard = yield* answered()
          assert.strictEqual(heard.servedBy, primary.name, name)
          // Converse has its usage there.
          const none = { input: undefined, output: undefined }
          assert.deepStrictEqual(heard.tokens, dialect === "converse" ? none : usage, name)
          assert.strictEqual(backup.count(), 0, name)
        }),
      [true]
    )
  )

  const broken = [
    ...Object.values(late).map(([fault]) => fault),
    Behaviour.stallAfter(after, answer, { keepAlive: 40 })
  ].filter((fault) => fault !== late["ends without its end"]?.[0])
  scenario("a whole answer that breaks in its middle moves the call", (vendors) =>
    Effect.forEach(
      broken,
      (fault) =>
        forEachDialect(
          vendors,
          { primary: fault, short: ["attempt"] },
          (given) => Effect.map(given.answered(), (heard) => byBackup(given, heard)),
          [false]
        ),
      { concurrency: "unbounded", discard: true }
    )
  )

  scenario("a whole answer that does not say why it ends is not passed off as finished", (vendors) =>
    forEachDialect(
      vendors,
      { primary: Behaviour.endWithoutFinish(after, answer) },
      (given) =>
        Effect.gen(function* () {
          const heard = yield* given.ends()
          if (heard.servedBy === given.backup.name) byBackup(given, heard)
          else assert.deepStrictEqual([heard.error, heard.finish], [undefined, "unknown"], given.name)
        }),
      [false]
    )
  )

  scenario("what broke twice is gone on with twice, and thinking is not what is gone on with", (vendors) =>
    forEachDialect(
      vendors,
      {
        primary: Behaviour.cutAfter(after + 2, Behaviour.reasoning(2, answer)),
        backup: Behaviour.sequence([Behaviour.cutAfter(2, answer), answer]),
        onBreak: "continue",
        retry: { maxAttempts: 5, transient: { base: 1 } }
      },
      ({ answered, backup, name, primary, routed }) =>
        Effect.gen(function* () {
          const heard = yield* answered()
          assert.deepStrictEqual([heard.restarts, heard.continuations], [0, 3], name)
          const failed = [`${primary.name} Truncated`, `${backup.name} Truncated Continue`]
          const rest = [`${primary.name} Truncated Continue`, `${backup.name} won Continue`]
          assert.deepStrictEqual(routed.history(), [...failed, ...rest], name)
          // Two words and two thoughts, one word, the last one; then only the end is missing.
          const prefills = [primary, backup].map(({ seen }) => seen.map(({ prefill }) => prefill))
          assert.deepStrictEqual(prefills, [
            [undefined, words(3)],
            [words(2), words(4)]
          ])
        }),
      [true]
    )
  )

  scenario("a prefill that is refused becomes a restart, which nobody blames on the vendor", (vendors) =>
    forEachDialect(
      vendors,
      { primary: Behaviour.cutAfter(after, answer), backup: Behaviour.refusesPrefill(answer), onBreak: "continue" },
      (given) =>
        Effect.gen(function* () {
          const heard = yield* given.answered()
          byBackup(given, heard)
          const { backup, name, primary, routed } = given
          assert.deepStrictEqual([heard.restarts, heard.continuations], [1, 0], name)
          assert.deepStrictEqual(
            routed.history(),
            [`${primary.name} Truncated`, `${backup.name} InvalidRequest Continue`, `${backup.name} won Restart`],
            name
          )
          const { targets } = yield* routed.router.status
          assert.deepStrictEqual(
            targets.map(({ failed }) => failed),
            [1, 0],
            name
          )
        }),
      [true]
    )
  )

  scenario("a caller who leaves in the middle closes the vendor's socket and gives everything back", (vendors) =>
    forEachDialect(
      vendors,
      { primary: Behaviour.answer({ tokens: 1000, perToken: "1 minute" }) },
      ({ name, primary, routed, streamed }) =>
        Effect.gen(function* () {
          const begun = yield* Deferred.make<void>()
          const fiber = yield* Effect.forkChild(
            routed.ask(question, {
              streamed,
              onPart: ({ type }) => (type === "text-delta" ? Deferred.succeed(begun, undefined) : Effect.void)
            })
          )
          yield* streamed ? Deferred.await(begun) : primary.until(() => primary.count() === 1)
          yield* Fiber.interrupt(fiber)
          yield* primary.idle
          assert.deepStrictEqual(yield* routed.held, [], name)
          assert.strictEqual(primary.logged()[0]?.outcome, "client-closed", name)
          assert.deepStrictEqual(routed.history(), [`${primary.name} cancelled`], name)
        })
    )
  )
}
