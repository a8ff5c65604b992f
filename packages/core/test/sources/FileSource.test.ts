import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, FileSystem, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as FileSource from "../../src/sources/FileSource.ts"
import { disk, file, path, target } from "./Disk.ts"
import { type Client, clientOf, follow, idsOf, messageOf, setOf } from "./support.ts"

const open = (
  text: string | undefined,
  options: Partial<FileSource.Options<Client>> = {},
  environment: Record<string, string> = {}
) =>
  Effect.gen(function* () {
    const { service, state, touch } = yield* disk
    state.text = text
    const source = yield* Effect.provideService(
      FileSource.make({ path, clientOf, ...options }),
      FileSystem.FileSystem,
      service
    )
    const followed = yield* Effect.provideService(
      follow(source),
      ConfigProvider.ConfigProvider,
      ConfigProvider.fromEnvRecord(environment)
    )
    return { ...followed, state, touch, source }
  })

describe("a file of targets", () => {
  it.effect("is read at the start, with comments, keys and tiers", () =>
    Effect.gen(function* () {
      const text = `{
        // the main ones
        "targets": [
          ${JSON.stringify(target("eu", { key: { env: "DEEPSEEK_KEY" }, weight: 5, tier: 1, region: "eu-west" }))},
          ${JSON.stringify(target("backup", { baseUrl: "https://x.example.com", options: { a: 1 }, tier: 7 }))},
          ${JSON.stringify(target("us", { tier: 1 }))}, /* trailing comma */
        ],
      }`
      const { next, source } = yield* open(text, {}, { DEEPSEEK_KEY: "sk-1" })
      assert.strictEqual(source.name, `file ${path}`)
      const { targets, tiers } = setOf(yield* next)
      assert.deepStrictEqual(tiers, [["eu", "us"], ["backup"]])
      const [eu, backup] = targets
      assert.isTrue(eu?.client.of.key !== undefined && Redacted.value(eu.client.of.key) === "sk-1")
      assert.strictEqual(backup?.client.of.baseUrl, "https://x.example.com")
      assert.deepStrictEqual(Object.keys(eu ?? {}).sort(), ["client", "id", "model", "provider", "region", "weight"])
      assert.notInclude(JSON.stringify(targets), "sk-1")
    })
  )

  it.effect("is read again when its directory changes, and what stayed the same keeps its client", () =>
    Effect.gen(function* () {
      const { next, rest, state, touch } = yield* open(file(target("a"), target("b")))
      const first = setOf(yield* next)
      assert.deepStrictEqual(state.watched, ["/etc/spillway/"])
      state.text = file(target("b"), target("a", { weight: 2 }), target("c"))
      yield* touch
      yield* TestClock.adjust("99 millis")
      assert.deepStrictEqual(yield* rest, [])
      yield* TestClock.adjust("101 millis")
      const second = setOf(yield* next)
      assert.deepStrictEqual(
        second.targets.map(({ id }) => id),
        ["b", "a", "c"]
      )
      assert.strictEqual(second.targets[0]?.client, first.targets[1]?.client)
      assert.notStrictEqual(second.targets[1]?.client, first.targets[0]?.client)
    })
  )

  it.effect("is polled where nothing is reported", () =>
    Effect.gen(function* () {
      const { service, state } = yield* disk
      state.watches = false
      state.text = file(target("a"))
      const source = yield* Effect.provideService(
        FileSource.make({ path, clientOf, pollEvery: "2 seconds" }),
        FileSystem.FileSystem,
        service
      )
      const { next, rest } = yield* follow(source)
      assert.deepStrictEqual(idsOf(yield* next), ["a"])
      state.text = file(target("b"))
      yield* TestClock.adjust("1999 millis")
      assert.deepStrictEqual(yield* rest, [])
      yield* TestClock.adjust("101 millis")
      assert.deepStrictEqual(idsOf(yield* next), ["b"])
    })
  )

  it.effect("that was only touched is no change, and a storm of events costs few reads", () =>
    Effect.gen(function* () {
      const { next, rest, state, touch } = yield* open(file(target("a")))
      yield* next
      const before = state.reads
      for (let i = 0; i < 100; i++) {
        yield* touch
        yield* TestClock.adjust("10 millis")
      }
      assert.deepStrictEqual(yield* rest, [])
      assert.isAtMost(state.reads - before, 10)
    })
  )

  it.effect("that is being written is read when it holds still", () =>
    Effect.gen(function* () {
      const { next, rest, state, touch } = yield* open(file(target("a")))
      yield* next
      const whole = file(target("b"), target("c"))
      yield* touch
      for (let length = 0; length < whole.length; length += 30) {
        state.text = whole.slice(0, length)
        yield* TestClock.adjust("90 millis")
      }
      assert.deepStrictEqual(yield* rest, [])
      state.text = whole
      yield* TestClock.adjust("300 millis")
      assert.deepStrictEqual(idsOf(yield* next), ["b", "c"])
      assert.deepStrictEqual(yield* rest, [])
    })
  )

  it.effect("that is wrong is a problem once, and the next good one counts, also when it is the old one", () =>
    Effect.gen(function* () {
      const good = file(target("a"))
      const { next, rest, state } = yield* open(good)
      yield* next
      state.text = `{ "targets": [\n  { "id": 5 "x" } ] }`
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(messageOf(yield* next), `${path}: line 2, column 13: expected "," or "}"`)
      state.text = file(target("a", { weight: 0 }), target("a"))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(messageOf(yield* next), `${path}: targets[0].weight must be a finite number > 0, got 0`)
      assert.deepStrictEqual(yield* rest, [])
      state.text = good
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(idsOf(yield* next), ["a"])
      assert.deepStrictEqual(yield* rest, [])
    })
  )

  it.effect("that is missing, at the start or later, is a problem until it is there", () =>
    Effect.gen(function* () {
      const { next, rest, state } = yield* open(undefined)
      assert.strictEqual(messageOf(yield* next), `${path}: there is no such file`)
      state.text = file(target("a"))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(idsOf(yield* next), ["a"])
      state.text = undefined
      state.error = "PermissionDenied"
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(messageOf(yield* next), `${path}: it cannot be read (PermissionDenied)`)
      assert.deepStrictEqual(yield* rest, [])
    })
  )

  it.effect("whose key is not in the environment is a problem that names target and variable", () =>
    Effect.gen(function* () {
      const { next } = yield* open(file(target("a"), target("b", { key: { env: "NO_SUCH" } })))
      assert.strictEqual(messageOf(yield* next), `${path}: targets[1].key: the variable NO_SUCH is not set`)
    })
  )

  it.effect("of which no client can be made is a problem that does not repeat the key", () =>
    Effect.gen(function* () {
      const { next } = yield* open(
        file(target("a", { key: { env: "KEY" } })),
        {
          clientOf: ({ key, provider }) => {
            throw new Error(`no vendor ${provider} for ${key === undefined ? "" : Redacted.value(key)}`)
          }
        },
        { KEY: "sk-secret" }
      )
      assert.strictEqual(messageOf(yield* next), `${path}: targets[0]: no client: no vendor deepseek for <redacted>`)
    })
  )

  it.effect("may have another format", () =>
    Effect.gen(function* () {
      const { next, state } = yield* open("a b", {
        parse: (text) => {
          if (text === "") throw new Error("empty")
          return { targets: text.split(" ").map((id) => target(id)) }
        }
      })
      assert.deepStrictEqual(idsOf(yield* next), ["a", "b"])
      state.text = ""
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(messageOf(yield* next), `${path}: it cannot be parsed: empty`)
    })
  )

  it.effect("is not opened with options that are wrong", () =>
    Effect.gen(function* () {
      const wrong = (options: object) =>
        FileSource.make({ path, clientOf, ...options } as FileSource.Options<Client>).pipe(
          Effect.provideService(FileSystem.FileSystem, FileSystem.makeNoop({})),
          Effect.catchDefect((defect) => Effect.succeed(String(defect)))
        )
      assert.include(yield* wrong({ path: "" }), "FileSource: path must be the path of a file")
      assert.include(yield* wrong({ pollEvery: 0 }), "FileSource: pollEvery must be a duration > 0")
      assert.include(yield* wrong({ poolEvery: 1 }), "FileSource must be made of path, pollEvery")
      assert.include(yield* wrong({ clientOf: 5 }), "FileSource: clientOf must be a function")
    })
  )
})
