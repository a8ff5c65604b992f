/** Calls of tools, and thinking that is signed, where the vendor changes in the middle of an answer or of a conversation. */
import { assert } from "@effect/vitest"
import type { RoutedModel } from "@spillway/core"
import { Behaviour } from "@spillway/providers/testing"
import { Effect } from "effect"
import { Prompt, type Response } from "effect/ai"
import { answer, type Case, forEachDialect, question, scenario, tokens } from "./Cases.ts"
import { flaw, type Shown } from "./Heard.ts"
import { dialects } from "./Vendors.ts"

const weather = Behaviour.toolCall("Weather", { city: "Oslo" })

/** Runs one call with the tool; what the caller got, and for which cities the handler ran. */
const withTool = (given: Case) =>
  Effect.gen(function* () {
    const ran: Array<string> = []
    const heard = yield* given.ends({
      weather: (city) =>
        Effect.sync(() => {
          ran.push(city)
          return { degrees: city.length }
        })
    })
    return { heard, ran }
  })

const policies: ReadonlyArray<NonNullable<RoutedModel.Options["onBreak"]>> = ["restart", "continue", "buffered"]

/** A conversation: what was said so far goes along with each turn. */
const talk = ({ backup, name, primary, routed, streamed }: Case) => {
  let history = Prompt.empty
  return (said: string, options: { readonly tool?: boolean } = {}) =>
    Effect.gen(function* () {
      const parts: Array<Shown> = []
      history = Prompt.concat(history, said)
      const heard = yield* routed.ask(said, {
        streamed,
        prompt: history,
        onPart: (part) => Effect.sync(() => parts.push(part)),
        ...(options.tool === true ? { weather: () => Effect.succeed({ degrees: 4 }) } : {})
      })
      yield* primary.idle
      yield* backup.idle
      assert.strictEqual(heard.error, undefined, name)
      history = Prompt.concat(history, Prompt.fromResponseParts(parts as unknown as ReadonlyArray<Response.AnyPart>))
      return heard
    })
}

/** Whose signatures stand in the latest request. */
const signedBy = ({ seen }: Case["primary"]): ReadonlyArray<string> => {
  const body = JSON.stringify(seen.at(-1)?.body ?? {})
  const all = [...body.matchAll(/c3BpbGx3YXk6[A-Za-z0-9+/=]*/g)].map(([text]) => atob(text).split(":")[1] ?? "")
  return dialects.filter((dialect) => all.includes(dialect))
}

export const turns = () => {
  scenario("a call of a tool that was cut is the next vendor's whole call, and its handler runs once", (vendors) =>
    Effect.forEach(
      policies,
      (onBreak) =>
        forEachDialect(
          vendors,
          { primary: Behaviour.cutAfter(3, weather), backup: weather, onBreak },
          (given) =>
            Effect.gen(function* () {
              const { heard, ran } = yield* withTool(given)
              const { backup, name } = given
              assert.strictEqual(heard.error, undefined, name)
              assert.deepStrictEqual(heard.calls, [{ name: "Weather", params: { city: "Oslo" } }], name)
              assert.deepStrictEqual([ran, heard.results], [["Oslo"], [{ degrees: 4 }]], name)
              assert.deepStrictEqual([heard.finish, heard.servedBy], ["tool-calls", backup.name], name)
            }),
          onBreak === "restart" ? [true, false] : [true]
        ),
      { discard: true }
    )
  )

  scenario("a call of a tool that was cut under fail runs no handler, or is the next vendor's", (vendors) =>
    forEachDialect(
      vendors,
      { primary: Behaviour.cutAfter(3, weather), backup: weather, onBreak: "fail" },
      (given) =>
        Effect.gen(function* () {
          const { heard, ran } = yield* withTool(given)
          // Gemini sends a call in one piece: nothing had come yet.
          const expected: ReadonlyArray<unknown> =
            given.dialect === "gemini" ? [undefined, ["Oslo"]] : ["InternalProviderError", []]
          assert.deepStrictEqual([heard.error?.reason._tag, ran], expected, given.name)
        }),
      [true]
    )
  )

  scenario("a cut behind a complete call never runs the handler twice, and is no success without the call", (vendors) =>
    Effect.forEach(
      ["restart", "buffered"] as const,
      (onBreak) =>
        forEachDialect(
          vendors,
          { primary: Behaviour.cutAfter(99, weather), backup: weather, onBreak },
          (given) =>
            Effect.gen(function* () {
              const { heard, ran } = yield* withTool(given)
              assert.isAtMost(ran.length, 1, given.name)
              if (heard.error === undefined) {
                assert.deepStrictEqual([ran, heard.calls.length, heard.results.length], [["Oslo"], 1, 1], given.name)
              }
            }),
          [true]
        ),
      { discard: true }
    )
  )

  scenario("thinking goes back to whom it is from, and to nobody else when the vendor changes", (vendors) =>
    forEachDialect(
      vendors,
      { primary: Behaviour.reasoning(3, answer), backup: Behaviour.reasoning(3, answer) },
      (given) =>
        Effect.gen(function* () {
          const { backup, dialect, name, primary } = given
          const say = talk(given)
          const own = dialect === "chat" ? [] : [dialect]
          const first = yield* say("One?")
          assert.strictEqual(flaw("One?", first), "", name)
          assert.strictEqual(first.reasoning.split(" ").length, 3, name)
          assert.strictEqual(flaw("Two?", yield* say("Two?")), "", name)
          assert.deepStrictEqual(signedBy(primary), own, name)

          primary.script(Behaviour.status(503))
          const third = yield* say("Three?")
          assert.deepStrictEqual([flaw("Three?", third), third.servedBy], ["", backup.name], name)
          assert.deepStrictEqual(signedBy(backup), [], name)

          primary.script(answer)
          const fourth = yield* say("Four?")
          assert.deepStrictEqual([flaw("Four?", fourth), fourth.servedBy], ["", primary.name], name)
          assert.deepStrictEqual(signedBy(primary), own, name)
        })
    )
  )

  scenario("what a model signed goes to no other model of the same vendor", (vendors) =>
    forEachDialect(
      vendors,
      { primary: Behaviour.sequence([Behaviour.reasoning(3, answer), Behaviour.status(503)]), sibling: true },
      (given) =>
        Effect.gen(function* () {
          const { backup, name } = given
          const say = talk(given)
          assert.strictEqual((yield* say("One?")).reasoning.split(" ").length, 3, name)
          const second = yield* say("Two?")
          assert.deepStrictEqual([flaw("Two?", second), second.servedBy], ["", backup.name], name)
          assert.deepStrictEqual(signedBy(backup), [], name)
        })
    )
  )

  scenario("a loop of tools that one vendor began is ended by another", (vendors) =>
    forEachDialect(
      vendors,
      { primary: Behaviour.sequence([Behaviour.reasoning(3, weather), Behaviour.status(503)]) },
      (given) =>
        Effect.gen(function* () {
          const { backup, name } = given
          const say = talk(given)
          const first = yield* say(question, { tool: true })
          assert.deepStrictEqual([first.finish, first.results], ["tool-calls", [{ degrees: 4 }]], name)
          const second = yield* say("And now?", { tool: true })
          assert.deepStrictEqual([flaw("And now?", second), second.servedBy], ["", backup.name], name)
          assert.deepStrictEqual(signedBy(backup), [], name)
          assert.match(JSON.stringify(backup.seen[0]?.body), /degrees/, name)
          assert.strictEqual(second.text.split(" ").length, tokens, name)
        })
    )
  )
}
