import { assert, describe, it } from "@effect/vitest"
import { BreakPolicy, createRouter, type ProviderModel, RoutedModel, type Router } from "@spillway/core"
import { Clock, Effect, Exit, Fiber, Layer, Random, Scheduler, Schema, Stream } from "effect"
import { AiError, LanguageModel, Prompt, type Response, Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import * as ModelBreaks from "../../src/router/internal/ModelBreaks.ts"
import * as Prefill from "../../src/router/internal/Prefill.ts"
import { BoundedText, TextResumption } from "../../src/router/internal/Transcript.ts"
import { inOrder, inVirtualTime, invalidRequest, overloaded, services, wrongKey } from "./fixture.ts"
import * as ManualClock from "./support/ManualClock.ts"
import * as Provider from "./support/Provider.ts"
import {
  fail,
  hang,
  isContent,
  isEnd,
  type Part,
  parts,
  reasonOf,
  type Script,
  script,
  wait
} from "./support/Provider.ts"
import * as World from "./support/World.ts"

type StreamPart = ProviderModel.StreamPart
type Step = StreamPart | AiError.AiError
type Ids = "a" | "b" | "c"

const usage = (output: number) => ({
  inputTokens: { uncached: undefined, total: 5, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: output, text: undefined, reasoning: undefined }
})
const finish = (output: number): StreamPart => ({ type: "finish", reason: "stop", usage: usage(output) })
const meta = (id: string): StreamPart => ({ type: "response-metadata", id: `id-of-${id}`, modelId: `model-of-${id}` })
const start = (id = "0"): StreamPart => ({ type: "text-start", id })
const delta = (text: string, id = "0"): StreamPart => ({ type: "text-delta", id, delta: text })
const end = (id = "0"): StreamPart => ({ type: "text-end", id })
const spoken = (...words: ReadonlyArray<string>): ReadonlyArray<StreamPart> => [
  start(),
  ...words.map((word) => delta(word)),
  end(),
  finish(words.length)
]
const Kit = Toolkit.make(
  Tool.make("Weather", { parameters: Schema.Struct({ city: Schema.String }), success: Schema.Number })
)
const handlers = Kit.toLayer({ Weather: () => Effect.succeed(4) })
const weather: StreamPart = { type: "tool-call", id: "t", name: "Weather", params: { city: "Oslo" } }

/** The text that a request ends with, of the assistant. */
const prefillOf = ({ prompt }: ProviderModel.ModelOptions): string | undefined => {
  const last = prompt.content.at(-1)
  if (last?.role !== "assistant") return undefined
  return last.content.map((part) => (part.type === "text" ? part.text : `<${part.type}>`)).join("|")
}

/** What a target answers: the same to all, or by what it is asked and how often it was. */
type Answer = ReadonlyArray<Step> | ((prefill: string | undefined, n: number) => ReadonlyArray<Step>)

const fake = (id: Ids, answer: Answer) => {
  const asked: Array<ProviderModel.ModelOptions> = []
  const client: ProviderModel.ProviderModel = {
    provider: id,
    model: `model-of-${id}`,
    capabilities: new Set(),
    generate: () => Effect.die("streams only"),
    stream: (options) => {
      asked.push(options)
      const steps = typeof answer === "function" ? answer(prefillOf(options), asked.length - 1) : answer
      return Stream.fromIterable([meta(id), ...steps]).pipe(
        Stream.rechunk(1),
        Stream.mapEffect((step) => (AiError.isAiError(step) ? Effect.fail(step) : Effect.succeed(step)))
      )
    }
  }
  return { asked, client }
}

interface Options {
  readonly onBreak?: RoutedModel.Options["onBreak"]
  /** Who can go on with an answer; default all. */
  readonly prefill?: ReadonlyArray<Ids>
  readonly maxAttempts?: number
}

/** A routed model that goes on after a break, over the targets that have an answer. */
const setup = Effect.fnUntraced(function* (answers: { readonly [Id in Ids]?: Answer }, options: Options = {}) {
  const { maxAttempts = 4, onBreak = "continue", prefill = ["a", "b", "c"] } = options
  const asked: Record<string, Array<ProviderModel.ModelOptions>> = {}
  const targets = (["a", "b", "c"] as const).flatMap((id) => {
    const answer = answers[id]
    if (answer === undefined) return []
    const made = fake(id, answer)
    asked[id] = made.asked
    return [{ id, client: made.client, capabilities: prefill.includes(id) ? (["prefill"] as const) : [] }]
  })
  const context = yield* Layer.build(
    RoutedModel.layer({ targets, onBreak }).pipe(
      Layer.provide(services({ retry: { maxAttempts, transient: { base: "1 millis", cap: "1 millis" } } }))
    )
  )
  const { router } = yield* Effect.provide(
    Effect.map(RoutedModel.CurrentRouter, (router) => ({ router })),
    context
  )
  const records: Array<Stream.Success<Router.Router<string, unknown>["decisions"]>> = []
  yield* Effect.forkScoped(
    Stream.runForEach(router.decisions, (record) => Effect.sync(() => records.push(record))),
    { startImmediately: true }
  )
  const got: Array<Shown> = []
  const read = (prompt: Prompt.RawInput = "hi", toolkit?: typeof Kit) => {
    const parts: Stream.Stream<unknown, unknown, LanguageModel.LanguageModel> =
      toolkit === undefined
        ? LanguageModel.streamText({ prompt })
        : Stream.provide(LanguageModel.streamText({ prompt, toolkit }), handlers)
    const reading = Stream.runForEach(parts, (part) => Effect.sync(() => got.push(part as Shown)))
    return inVirtualTime(Effect.provide(reading, context), "1 minute")
  }
  /** Who was asked, and how it ended for each. */
  const history = () =>
    records.flatMap(({ attempts }) =>
      attempts.map(({ errorType, notes, outcome, target }) => [target, errorType ?? outcome, ...notes].join(" "))
    )
  const status = Effect.map(router.status, ({ targets }) => targets)
  const atRest = Effect.gen(function* () {
    assert.deepStrictEqual(
      (yield* status).map(({ inFlight }) => inFlight),
      targets.map(() => 0)
    )
    assert.strictEqual(records.length, 1)
  })
  return { asked, atRest, got, history, read, records, status }
})

interface Shown {
  readonly type: string
  readonly id?: string
  readonly delta?: string
  readonly metadata?: { readonly spillway?: Record<string, unknown> }
}

const textOf = (parts: ReadonlyArray<Shown>) =>
  parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")
const blocks = (parts: ReadonlyArray<Shown>) =>
  parts.filter(({ type }) => type.startsWith("text-") && type !== "text-delta").map(({ id, type }) => `${type} ${id}`)

/** One sentence per broken rule of a whole answer: each block starts once, ends once, and has its deltas in between. */
const problemsOf = (parts: ReadonlyArray<Shown>): Array<string> => {
  const problems: Array<string> = []
  const seen = new Set<string>()
  const open = new Set<string>()
  for (const { id, type } of parts) {
    const [kind, what] = [type.split("-")[0], type.split("-")[1]]
    if (kind !== "text" && kind !== "reasoning") continue
    const name = `${kind} ${id}`
    if (what === "start") {
      if (seen.has(name)) problems.push(`${name} starts twice`)
      seen.add(name)
      open.add(name)
    } else if (!open.has(name)) problems.push(`${type} of ${name}, which is not open`)
    if (what === "end") open.delete(name)
  }
  for (const name of open) problems.push(`${name} never ends`)
  if (parts.filter(({ type }) => type === "finish").length !== 1) problems.push("not one finish")
  if (parts.at(-1)?.type !== "finish") problems.push("the finish is not the last part")
  return problems
}

/** Goes on exactly where it is asked to, in pieces of `size` characters; broken after `cut` of its parts. */
const exact =
  (whole: string, size: number, cut?: number): Exclude<Answer, ReadonlyArray<Step>> =>
  (prefill = "") => {
    const rest = whole.slice(prefill.length)
    const pieces = rest === "" ? [] : (rest.match(new RegExp(`[^]{1,${size}}`, "gu")) ?? [])
    const parts = spoken(...pieces)
    return cut === undefined ? parts : [...parts.slice(0, cut), overloaded]
  }

describe("a broken stream that is continued", () => {
  const words = ["Once", " upon", " a", " time", "."]
  const whole = words.join("")
  const all = spoken(...words)

  it.effect("goes on after every part, as one answer", () =>
    Effect.gen(function* () {
      // Before the first delta nothing was handed over; behind the finish nothing breaks.
      for (let cut = 2; cut < all.length; cut++) {
        const { asked, atRest, got, history, read } = yield* setup({
          a: [...all.slice(0, cut), overloaded],
          b: exact(whole, 3)
        })
        yield* read()
        assert.strictEqual(textOf(got), whole, `cut after ${cut}`)
        assert.deepStrictEqual(problemsOf(got), [])
        assert.isFalse(got.some(RoutedModel.isRestart))
        const seams = got.filter(RoutedModel.isContinuation)
        assert.strictEqual(seams.length, 1)
        assert.deepInclude(seams[0]?.metadata?.spillway, {
          continued: true,
          from: "a",
          parts: cut + 1,
          servedBy: "b",
          degraded: false
        })
        assert.deepStrictEqual(asked["b"]?.map(prefillOf), [words.slice(0, cut - 1).join("")])
        assert.deepStrictEqual(history(), ["a Overloaded", "b won Continue"])
        yield* atRest
      }
    })
  )

  it.effect("reports model, usage and finish of who ended the answer", () =>
    Effect.gen(function* () {
      const { got, read, records } = yield* setup({ a: [...all.slice(0, 3), overloaded], b: exact(whole, 100) })
      yield* read()
      assert.strictEqual((got.at(-1) as unknown as Response.FinishPart).usage.outputTokens.total, 1)
      assert.strictEqual(records[0]?.servedBy, "b")
      assert.strictEqual(records[0]?.attempts[1]?.facts?.responseModel, "model-of-b")
    })
  )

  it.effect("is whole when the continuation has nothing to add", () =>
    Effect.gen(function* () {
      for (const cut of [all.length - 2, all.length - 1]) {
        const { atRest, got, read } = yield* setup({ a: [...all.slice(0, cut), overloaded], b: [finish(0)] })
        yield* read()
        assert.strictEqual(textOf(got), whole)
        assert.deepStrictEqual(problemsOf(got), [])
        assert.deepStrictEqual(blocks(got), ["text-start 0", "text-end 0"])
        yield* atRest
      }
    })
  )

  it.effect("goes on again when the continuation breaks, from all that was handed over", () =>
    Effect.gen(function* () {
      const { asked, atRest, got, history, read } = yield* setup({
        a: [...all.slice(0, 2), overloaded],
        b: exact(whole, 4, 3),
        c: exact(whole, 5)
      })
      yield* read()
      assert.strictEqual(textOf(got), whole)
      assert.deepStrictEqual(problemsOf(got), [])
      assert.deepStrictEqual(asked["b"]?.map(prefillOf), ["Once"])
      assert.deepStrictEqual(asked["c"]?.map(prefillOf), ["Once upon a"])
      assert.deepStrictEqual(
        got.filter(RoutedModel.isContinuation).map(({ metadata }) => metadata?.spillway?.["from"]),
        ["a", "b"]
      )
      assert.deepStrictEqual(history(), ["a Overloaded", "b Overloaded Continue", "c won Continue"])
      yield* atRest
    })
  )

  it.effect("moves on unseen when the continuation breaks before it gave anything", () =>
    Effect.gen(function* () {
      const { asked, got, history, read } = yield* setup({
        a: [...all.slice(0, 3), overloaded],
        b: [start(), overloaded],
        c: exact(whole, 5)
      })
      yield* read()
      assert.strictEqual(textOf(got), whole)
      assert.strictEqual(got.filter(RoutedModel.isContinuation).length, 1)
      assert.deepStrictEqual(asked["c"]?.map(prefillOf), ["Once upon"])
      assert.deepStrictEqual(history(), ["a Overloaded", "b Overloaded Continue", "c won Continue"])
    })
  )

  it.effect("ends within the limit of attempts, and gives everything back", () =>
    Effect.gen(function* () {
      const { atRest, got, read, records } = yield* setup(
        { a: [...all.slice(0, 2), overloaded], b: exact(whole, 2, 2), c: exact(whole, 2, 2) },
        { maxAttempts: 3 }
      )
      const error = yield* Effect.flip(read())
      assert.strictEqual(AiError.isAiError(error) ? error.reason._tag : error, "InternalProviderError")
      assert.strictEqual(textOf(got), "Once upo")
      assert.deepStrictEqual(
        records.map(({ attempts, errorType }) => [errorType, attempts.length]),
        [["AttemptsExhausted", 3]]
      )
      yield* atRest
    })
  )

  it.effect("leaves reasoning out of the request and names the continuation's blocks anew", () =>
    Effect.gen(function* () {
      const thought: ReadonlyArray<StreamPart> = [
        { type: "reasoning-start", id: "r" },
        { type: "reasoning-delta", id: "r", delta: "hmm" },
        { type: "reasoning-end", id: "r" }
      ]
      const { asked, got, read } = yield* setup({
        a: [...thought, start("0"), delta("One."), end("0"), start("1"), delta("Tw", "1"), overloaded],
        b: [...thought, start("0"), delta("o."), end("0"), start("1"), delta("Three.", "1"), end("1"), finish(3)]
      })
      yield* read()
      assert.strictEqual(textOf(got), "One.Two.Three.")
      assert.deepStrictEqual(asked["b"]?.map(prefillOf), ["One.Tw"])
      assert.deepStrictEqual(problemsOf(got), [])
      assert.deepStrictEqual(blocks(got), [
        "text-start 0",
        "text-end 0",
        "text-start 1",
        "text-end 1",
        "text-start continued-9-1",
        "text-end continued-9-1"
      ])
      assert.strictEqual(got.filter(({ type }) => type === "reasoning-delta").length, 2)
    })
  )

  it.effect("ends what the broken answer left open before anything but text", () =>
    Effect.gen(function* () {
      const { got, read } = yield* setup({
        a: [{ type: "reasoning-start", id: "r" }, start(), delta("Let me see."), overloaded],
        b: [{ type: "source", sourceType: "url", id: "s", url: "https://a.example", title: "A" }, ...spoken(" So.")]
      })
      yield* read()
      assert.strictEqual(textOf(got), "Let me see. So.")
      assert.deepStrictEqual(problemsOf(got), [])
      assert.deepStrictEqual(blocks(got).slice(0, 2), ["text-start 0", "text-end 0"])
    })
  )

  it.effect("goes on with what counts when the router below has begun anew", () =>
    Effect.gen(function* () {
      const again: StreamPart = { type: "response-metadata", metadata: { spillway: { restarted: true } } }
      const { asked, got, read } = yield* setup({
        a: [
          start(),
          delta("x"),
          { type: "tool-params-start", id: "t", name: "Weather" },
          again,
          start(),
          delta("y"),
          overloaded
        ],
        b: spoken("z")
      })
      yield* read()
      assert.deepStrictEqual(asked["b"]?.map(prefillOf), ["y"])
      const at = got.findIndex(RoutedModel.isRestart)
      assert.strictEqual(textOf(got.slice(at)), "yz")
      assert.deepStrictEqual(problemsOf(got.slice(at)), [])
    })
  )

  it.effect("shows where it was joined although the provider sends no metadata", () =>
    Effect.gen(function* () {
      const resume = new Prefill.PrefillTranscript(10)
      resume.add(start())
      resume.add(delta("ab"))
      const client = { ...fake("b", []).client, stream: () => Stream.fromIterable([start(), delta("c"), finish(1)]) }
      const attempt = { client, resume: resume.resume({ target: "a", parts: 2 }) }
      const call = { prompt: Prompt.make("hi") } as ProviderModel.ModelOptions
      const parts = [...(yield* Stream.runCollect(Prefill.stream(attempt, call, undefined)))]
      assert.deepStrictEqual(
        parts.map(({ type }) => type),
        ["response-metadata", "text-delta", "text-end", "finish"]
      )
      assert.isTrue(parts.slice(0, 1).every(RoutedModel.isContinuation))
    })
  )

  it.effect("joins the text to a prefill of the caller's own", () =>
    Effect.gen(function* () {
      const { asked, read } = yield* setup({ a: [start(), delta("cd"), overloaded], b: spoken("ef") })
      yield* read([
        { role: "user", content: [{ type: "text", text: "abc?" }] },
        { role: "assistant", content: [{ type: "text", text: "ab" }] }
      ])
      assert.deepStrictEqual(asked["b"]?.map(prefillOf), ["abcd"])
      assert.strictEqual(asked["b"]?.[0]?.prompt.content.length, 2)
    })
  )
})

describe("where nobody can go on", () => {
  const broken = [start(), delta("x"), delta("y"), overloaded]

  it.effect("the answer begins anew", () =>
    Effect.gen(function* () {
      const { asked, atRest, got, history, read } = yield* setup({ a: broken, b: spoken("z") }, { prefill: ["a"] })
      yield* read()
      const at = got.findIndex(RoutedModel.isRestart)
      assert.strictEqual(textOf(got.slice(0, at)), "xy")
      assert.strictEqual(textOf(got.slice(at)), "z")
      assert.deepStrictEqual(problemsOf(got.slice(at)), [])
      assert.deepStrictEqual(asked["b"]?.map(prefillOf), [undefined])
      assert.deepStrictEqual(history(), ["a Overloaded", "b won Restart"])
      yield* atRest
    })
  )

  it.effect("but a target that can is asked before one that cannot, and one that cannot before none", () =>
    Effect.gen(function* () {
      const able = yield* setup({ a: broken, b: spoken("z"), c: spoken("z") }, { prefill: ["a", "c"] })
      yield* able.read()
      assert.deepStrictEqual(able.history(), ["a Overloaded", "c won Continue"])
      const failing = yield* setup({ a: broken, b: spoken("z"), c: [wrongKey] }, { prefill: ["a", "c"] })
      yield* failing.read()
      assert.deepStrictEqual(failing.history(), ["a Overloaded", "c Auth Continue", "b won Restart"])
      assert.isTrue(failing.got.some(RoutedModel.isRestart))
    })
  )

  it.effect("a restarted answer that breaks is gone on with, from its own beginning", () =>
    Effect.gen(function* () {
      const { asked, got, history, read } = yield* setup(
        {
          a: broken,
          b: [start(), delta("z"), overloaded],
          c: (prefill, n) => (n === 0 ? [overloaded] : exact("z!", 9)(prefill, n))
        },
        { prefill: ["c"] }
      )
      yield* read()
      assert.deepStrictEqual(history(), [
        "a Overloaded",
        "c Overloaded Continue",
        "b Overloaded Restart",
        "c won Continue"
      ])
      assert.deepStrictEqual(asked["c"]?.map(prefillOf), ["xy", "z"])
      const at = got.findIndex(RoutedModel.isRestart)
      assert.strictEqual(textOf(got.slice(at)), "z!")
      assert.deepStrictEqual(problemsOf(got.slice(at)), [])
    })
  )

  const notText: Record<string, ReadonlyArray<Step>> = {
    "reasoning only": [
      { type: "reasoning-start", id: "r" },
      { type: "reasoning-delta", id: "r", delta: "hmm" }
    ],
    "whitespace only": [start(), delta("\n\n")],
    "the beginning of a tool call": [
      start(),
      delta("x"),
      end(),
      { type: "tool-params-start", id: "t", name: "Weather" }
    ],
    "a file": [start(), delta("x"), { type: "file", mediaType: "image/png", data: "AAAA" }],
    "two blocks at once": [start("0"), start("1"), delta("x", "0"), delta("y", "1")],
    "more text than is kept": [start(), delta("x".repeat(BreakPolicy.maxCharacters)), delta("y")]
  }
  for (const [name, parts] of Object.entries(notText)) {
    it.effect(`the answer begins anew: ${name}`, () =>
      Effect.gen(function* () {
        const { atRest, got, history, read } = yield* setup({ a: [...parts, overloaded], b: spoken("z") })
        yield* read()
        const at = got.findIndex(RoutedModel.isRestart)
        assert.strictEqual(textOf(got.slice(at)), "z")
        assert.isFalse(got.some(RoutedModel.isContinuation))
        assert.deepStrictEqual(history(), ["a Overloaded", "b won Restart"])
        yield* atRest
      })
    )
  }

  it("text that was to be JSON begins anew", () => {
    const policyFor = (type: "text" | "json") =>
      ModelBreaks.policyFor(ModelBreaks.policies.continue, { responseFormat: { type } } as ProviderModel.ModelOptions)
    assert.strictEqual(policyFor("text")._tag, "Continue")
    assert.strictEqual(policyFor("json")._tag, "Restart")
  })

  it.effect("a tool call that was handed over is the end", () =>
    Effect.gen(function* () {
      const { atRest, got, history, read, records } = yield* setup({
        a: [start(), delta("x"), end(), weather, overloaded],
        b: spoken("z")
      })
      yield* Effect.flip(read("hi", Kit))
      assert.deepStrictEqual([textOf(got), history(), records[0]?.errorType], ["x", ["a Overloaded"], "StreamBroken"])
      yield* atRest
    })
  )
})

describe("a prefill that is refused", () => {
  const reason = (of: AiError.AiErrorReason) => AiError.make({ module: "Test", method: "stream", reason: of })
  const hinted = (errorType: string) =>
    reason(
      new AiError.InvalidRequestError({
        description: "no",
        metadata: { spillway: { errorType, health: "none", sameTarget: false, otherTarget: true } }
      })
    )
  const refusals: Record<string, AiError.AiError> = {
    InvalidRequest: invalidRequest,
    ContentFilter: reason(new AiError.ContentPolicyError({ description: "no" })),
    ContextLength: hinted("ContextLength")
  }
  const broken = [start(), delta("x"), overloaded]
  for (const [errorType, refusal] of Object.entries(refusals)) {
    it.effect(`becomes a restart on the same target: ${errorType}`, () =>
      Effect.gen(function* () {
        const { atRest, got, history, read, status } = yield* setup(
          { a: broken, b: (prefill) => (prefill === undefined ? spoken("z") : [refusal]) },
          // The attempt that was refused does not count.
          { maxAttempts: 2 }
        )
        yield* read()
        const at = got.findIndex(RoutedModel.isRestart)
        assert.strictEqual(textOf(got.slice(at)), "z")
        assert.deepStrictEqual(history(), ["a Overloaded", `b ${errorType} Continue`, "b won Restart"])
        assert.deepStrictEqual(
          (yield* status).map(({ failed }) => failed),
          [1, 0]
        )
        yield* atRest
      })
    )
  }

  it.effect("becomes a restart although the target had begun to go on", () =>
    Effect.gen(function* () {
      const { got, history, read } = yield* setup({
        a: broken,
        b: (prefill) => (prefill === undefined ? spoken("z") : [start(), delta("y"), invalidRequest])
      })
      yield* read()
      const at = got.findIndex(RoutedModel.isRestart)
      assert.strictEqual(textOf(got.slice(0, at)), "xy")
      assert.strictEqual(textOf(got.slice(at)), "z")
      assert.deepStrictEqual(history(), ["a Overloaded", "b InvalidRequest Continue", "b won Restart"])
    })
  )

  it.effect("is what a router below answers that begins anew in the middle of it", () =>
    Effect.gen(function* () {
      const again: StreamPart = { type: "response-metadata", metadata: { spillway: { restarted: true } } }
      const { got, history, read } = yield* setup({
        a: broken,
        b: (prefill) => (prefill === undefined ? spoken("xyz") : [start(), delta("y"), again, ...spoken("yz")])
      })
      yield* read()
      assert.strictEqual(textOf(got.slice(got.findLastIndex(RoutedModel.isRestart))), "xyz")
      assert.deepStrictEqual(history(), ["a Overloaded", "b InvalidRequest Continue", "b won Restart"])
    })
  )

  it.effect("becomes a restart of the only target there is", () =>
    Effect.gen(function* () {
      const { got, history, read } = yield* setup({
        a: (prefill, n) => (n === 0 ? broken : prefill === undefined ? spoken("z") : [invalidRequest])
      })
      yield* read()
      assert.strictEqual(textOf(got.slice(got.findIndex(RoutedModel.isRestart))), "z")
      assert.deepStrictEqual(history(), ["a Overloaded", "a InvalidRequest Continue", "a won Restart"])
    })
  )

  it.effect("is not asked for again by that call", () =>
    Effect.gen(function* () {
      const { got, history, read } = yield* setup({
        a: broken,
        b: (prefill) => (prefill === undefined ? broken : [invalidRequest]),
        c: spoken("z")
      })
      yield* read()
      assert.strictEqual(textOf(got.slice(got.findLastIndex(RoutedModel.isRestart))), "z")
      assert.deepStrictEqual(history(), [
        "a Overloaded",
        "b InvalidRequest Continue",
        "b Overloaded Restart",
        "c won Restart"
      ])
    })
  )

  it.effect("is never what the call fails with", () =>
    Effect.gen(function* () {
      const { atRest, read, records } = yield* setup(
        { a: [start(), delta("x"), overloaded], b: (prefill) => [prefill === undefined ? overloaded : invalidRequest] },
        { maxAttempts: 2 }
      )
      const error = yield* Effect.flip(read())
      assert.strictEqual(AiError.isAiError(error) ? error.reason._tag : error, "InternalProviderError")
      assert.strictEqual(records[0]?.errorType, "AttemptsExhausted")
      yield* atRest
      // Not even when it is the last thing but one that the only target says.
      const late = yield* setup({ a: (_prefill, n) => (n === 0 ? broken : n === 1 ? [invalidRequest] : [wrongKey]) })
      const last = yield* Effect.flip(late.read())
      assert.strictEqual(AiError.isAiError(last) ? last.reason._tag : last, "AuthenticationError")
    })
  )

  it.effect("leaves what the caller did wrong to the caller", () =>
    Effect.gen(function* () {
      const { history, read } = yield* setup({ a: broken, b: [invalidRequest] })
      const error = yield* Effect.flip(read())
      assert.strictEqual(AiError.isAiError(error) && error.message, invalidRequest.message)
      assert.deepStrictEqual(history(), ["a Overloaded", "b InvalidRequest Continue", "b InvalidRequest Restart"])
    })
  )
})

const inTestClock = Effect.provide(TestClock.layer())

describe("the seam", () => {
  const resumed = (text: string, deltas: ReadonlyArray<string>) => {
    const resumption = new TextResumption(text)
    const seam = resumption.seam()
    return [resumption.prefill, text + deltas.map(seam).join("")]
  }

  it("has each piece of whitespace once, whoever sends it", () => {
    assert.deepStrictEqual(resumed("a ", [" b"]), ["a", "a b"])
    assert.deepStrictEqual(resumed("a ", ["b"]), ["a", "a b"])
    assert.deepStrictEqual(resumed("a", [" b"]), ["a", "a b"])
    assert.deepStrictEqual(resumed("a\n", ["\n", "\nb"]), ["a", "a\n\nb"])
    assert.deepStrictEqual(resumed("a\n\n", ["\n", "b"]), ["a", "a\n\nb"])
    assert.deepStrictEqual(resumed("a ", ["\nb"]), ["a", "a \nb"])
    assert.deepStrictEqual(resumed("a \n", ["", " ", "", "\n", "\n b "]), ["a", "a \n\n b "])
  })

  const character = fc.constantFrom("a", "b", ".", " ", " ", "\n", "\t", "é", "漢")
  const story = fc.array(character, { minLength: 1, maxLength: 40 }).map((characters) => `x${characters.join("")}`)
  it("keeps the whole text, wherever and however often it is cut", () =>
    fc.assert(
      fc.asyncProperty(
        story,
        fc.array(fc.record({ size: fc.integer({ min: 1, max: 7 }), cut: fc.integer({ min: 2, max: 20 }) }), {
          minLength: 3,
          maxLength: 3
        }),
        (whole, [a, b, c]) =>
          Effect.gen(function* () {
            const answers = {
              a: exact(whole, a?.size ?? 1, a?.cut),
              b: exact(whole, b?.size ?? 1, b?.cut),
              c: exact(whole, c?.size ?? 1)
            }
            const { atRest, got, read } = yield* setup(answers)
            yield* read()
            const at = got.findLastIndex(RoutedModel.isRestart)
            assert.strictEqual(textOf(got.slice(at + 1)), whole)
            assert.deepStrictEqual(problemsOf(got.slice(at + 1)), [])
            yield* atRest
          }).pipe(Effect.scoped, inTestClock, Effect.runPromise)
      ),
      { numRuns: 100 }
    ))
})

describe("what is kept of a text", () => {
  it("is all of it up to the limit, and nothing beyond", () => {
    const text = new BoundedText(1000)
    for (let i = 0; i < 1000; i++) text.add(String(i % 10))
    assert.strictEqual(text.value, "0123456789".repeat(100))
    text.add("")
    assert.strictEqual(text.value?.length, 1000)
    text.add("x")
    assert.isUndefined(text.value)
    text.add("y")
    assert.isUndefined(text.value)
  })
})

describe("parts of one's own", () => {
  const marker = () => "<again>"
  const policy = (maxCharacters?: number) =>
    BreakPolicy.continue<string>({
      marker,
      text: (part) => (part === "#" ? undefined : part),
      ...(maxCharacters === undefined ? {} : { maxCharacters })
    })
  const run = async (onBreak: BreakPolicy.BreakPolicy<string>, first: ReadonlyArray<string>) => {
    await using router = createRouter({
      targets: [
        { id: "a", client: 1, capabilities: ["prefill"] },
        { id: "b", client: 2, capabilities: ["prefill"] }
      ],
      strategy: inOrder
    })
    const got: Array<string> = []
    const parts = router.stream(
      async function* ({ resume, target }) {
        if (target.id === "a") {
          yield* first
          throw { status: 503 }
        }
        if (resume === undefined) yield "whole"
        else yield resume.seam()(` after <${resume.prefill}>`)
      },
      { onBreak }
    )
    for await (const part of parts) got.push(part)
    assert.deepStrictEqual(
      router.status().targets.map(({ inFlight }) => inFlight),
      [0, 0]
    )
    return got
  }

  it("are gone on with in plain TypeScript too", async () => {
    assert.deepStrictEqual(await run(policy(), ["one", " two "]), ["one", " two ", "after <one two>"])
  })

  it("begin anew behind a part that cannot be gone on with, and behind too much text", async () => {
    assert.deepStrictEqual(await run(policy(), ["one", "#"]), ["one", "#", "<again>", "whole"])
    assert.deepStrictEqual(await run(policy(4), ["one", "two"]), ["one", "two", "<again>", "whole"])
  })

  it("are not stored when two targets made them", async () => {
    await using router = createRouter({
      targets: [
        { id: "a", client: 1, capabilities: ["prefill"] },
        { id: "b", client: 2, capabilities: ["prefill"] }
      ],
      strategy: inOrder
    })
    let asked = 0
    const read = async () => {
      const parts = router.stream(
        async function* ({ resume }) {
          yield resume === undefined ? "one" : " two"
          if (asked++ === 0) throw { status: 503 }
        },
        { onBreak: policy(), cacheKey: "river" }
      )
      let text = ""
      for await (const part of parts) text += part
      return text
    }
    assert.deepStrictEqual([await read(), asked], ["one two", 2])
    assert.deepStrictEqual([await read(), asked], ["one", 3])
    // What one target made is.
    assert.deepStrictEqual([await read(), asked], ["one", 3])
  })

  it("a limit that is none is a mistake", () => {
    assert.throws(() => policy(0), "BreakPolicy: maxCharacters")
  })
})

describe("whatever happens to a continued stream, and when", () => {
  const goOn = BreakPolicy.continue<Part>({
    marker: ({ parts, target }) => ({ type: "restart", target, stream: -1, n: parts }),
    text: (part) => (part.type === "text" ? "t" : "")
  })
  const able = { a: { capabilities: ["prefill"] }, b: { capabilities: ["prefill"] } } as const
  const broken = script([parts("start"), parts("text"), fail(overloaded)])
  const whole = script([parts("start"), parts("text"), parts("finish")])
  const refused = script([fail(invalidRequest)])
  const scenarios: Record<string, Readonly<Record<"a" | "b", ReadonlyArray<Script>>>> = {
    "a continuation": { a: [broken], b: [whole] },
    "a continuation that breaks": { a: [broken, whole], b: [broken] },
    "a continuation that hangs": { a: [broken], b: [script([parts("text"), hang])] },
    "a prefill that is refused": { a: [broken], b: [refused, whole] }
  }
  for (const [name, plans] of Object.entries(scenarios)) {
    it.effect(`an interruption of ${name} between any two operations loses nothing`, () =>
      Effect.gen(function* () {
        const problems: Array<string> = []
        for (const ops of [3, 5, 8, 21]) {
          const world = yield* World.make(["a", "b"], {
            specs: able,
            gates: { breaker: false },
            retry: { budget: { minPerSecond: 1_000_000 }, transient: { base: "1 hour", cap: "1 hour" } }
          })
          for (let k = 0, over = false; k <= 150 && !over && problems.length === 0; k++) {
            const provider = Provider.make(plans)
            const stream = world.router.stream({}, provider.open, { isContent, isEnd, onBreak: goOn })
            const fiber = yield* Effect.forkChild(Stream.runDrain(stream), { startImmediately: true }).pipe(
              Effect.provideService(Scheduler.MaxOpsBeforeYield, ops)
            )
            for (let i = 0; i < k; i++) yield* Effect.yieldNow
            over = fiber.pollUnsafe() !== undefined
            yield* Fiber.interrupt(fiber)
            const found = [...world.problems(), ...provider.problems()]
            problems.push(...found.map((problem) => `${ops} operations, ${k} yields: ${problem}`))
          }
        }
        assert.deepStrictEqual(problems, [])
      }).pipe(Effect.provideService(Clock.Clock, ManualClock.make()))
    )
  }

  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant(parts("text")) },
    { weight: 1, arbitrary: fc.constant(parts("start", "text")) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 900 }).map(wait) }
  )
  const ending = fc.oneof(
    { weight: 3, arbitrary: fc.constant([parts("finish")]) },
    { weight: 5, arbitrary: fc.constantFrom(overloaded, invalidRequest, wrongKey).map((error) => [fail(error)]) },
    { weight: 1, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.constant([hang]) }
  )
  const scripts = fc.array(
    fc.tuple(fc.array(step, { maxLength: 4 }), ending).map(([steps, ending]) => script([...steps, ...ending])),
    { minLength: 1, maxLength: 3 }
  )
  const schedule = fc.record({
    seed: fc.nat(),
    plans: fc.record({ a: scripts, b: scripts }),
    specs: fc.constantFrom<World.WorldOptions<"a" | "b">["specs"]>({}, able, { b: able.b }),
    maxAttempts: fc.integer({ min: 1, max: 4 }),
    deadline: fc.integer({ min: 1, max: 8000 }),
    hedge: fc.boolean()
  })
  it("gives everything back, within its limits, and fails with no refused prefill", () =>
    fc.assert(
      fc.asyncProperty(schedule, ({ deadline, hedge, maxAttempts, plans, seed, specs }) =>
        Effect.gen(function* () {
          const world = yield* World.make(["a", "b"], {
            specs: specs ?? {},
            timeouts: { firstContent: 700, idle: 700 },
            retry: { maxAttempts, budget: { minPerSecond: 1000 }, transient: { base: 50 } },
            ...(hedge ? { hedge: { after: 200, maxExtra: 1 } } : {})
          })
          const provider = Provider.make(plans)
          const got: Array<Part> = []
          const stream = world.router.stream({ deadline }, provider.open, { isContent, isEnd, onBreak: goOn })
          const exit = yield* inVirtualTime(Effect.exit(Provider.drain(stream, got)), "1 minute")
          const problems = [...world.problems(), ...provider.problems()]
          const [record] = world.records
          const attempts = record?.attempts ?? []
          const refusals = attempts.filter(
            ({ errorType, notes }) => errorType === "InvalidRequest" && notes.includes("Continue")
          )
          const others = attempts.filter((attempt) => !refusals.includes(attempt))
          if (attempts.length > maxAttempts + Math.min(1, refusals.length)) problems.push("too many attempts")
          if (
            reasonOf(exit) === "InvalidRequestError" &&
            others.every(({ errorType }) => errorType !== "InvalidRequest")
          )
            problems.push("failed with a refused prefill")
          if (Exit.isSuccess(exit) && got.at(-1)?.type !== "finish") problems.push("not complete, and a success")
          const began = attempts.some(({ notes }) => notes.includes("Restart"))
          if (got.some(({ type }) => type === "restart") && !began) problems.push("a marker for nothing")
          assert.deepStrictEqual(problems, [])
        }).pipe(Effect.scoped, Random.withSeed(String(seed)), inTestClock, Effect.runPromise)
      ),
      { numRuns: 200 }
    ))
})
