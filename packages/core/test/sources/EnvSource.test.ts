import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Redacted, Stream } from "effect"
import * as EnvSource from "../../src/sources/EnvSource.ts"
import { type Client, clientOf, idsOf, messageOf, setOf } from "./support.ts"

const target = (id: string, more: object = {}) => ({ id, provider: "openai", model: "gpt-5", ...more })

const read = (environment: Record<string, string>, options: Partial<EnvSource.Options<Client>> = {}) =>
  Stream.runCollect(EnvSource.make({ clientOf, ...options }).changes).pipe(
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord(environment)),
    Effect.map((updates) => (updates.length === 1 && updates[0] !== undefined ? updates[0] : assert.fail("not once")))
  )

describe("targets in the environment", () => {
  it.effect("stand in one variable, as a set or as a list", () =>
    Effect.gen(function* () {
      const list = [target("a", { tier: 1 }), target("b", { key: { env: "OPENAI_API_KEY" } })]
      for (const value of [
        JSON.stringify({ targets: list }),
        JSON.stringify(list),
        `${JSON.stringify(list)} // main`
      ]) {
        const { targets, tiers } = setOf(yield* read({ SPILLWAY_TARGETS: value, OPENAI_API_KEY: "sk-1" }))
        assert.deepStrictEqual(tiers, [["b"], ["a"]])
        const key = targets[1]?.client.of.key
        assert.isTrue(key !== undefined && Redacted.value(key) === "sk-1")
      }
    })
  )

  it.effect("or in numbered ones", () =>
    Effect.gen(function* () {
      const update = yield* read(
        {
          MY_LLMS_0: JSON.stringify(target("a")),
          MY_LLMS_1: JSON.stringify(target("b")),
          MY_LLMS_COLOUR: "blue"
        },
        { variable: "MY_LLMS" }
      )
      assert.deepStrictEqual(idsOf(update), ["a", "b"])
    })
  )

  it.effect("are a problem that names the variable and says what is wrong, and never a key", () =>
    Effect.gen(function* () {
      const message = (environment: Record<string, string>) => Effect.map(read(environment), messageOf)
      const a = JSON.stringify(target("a"))
      assert.strictEqual(yield* message({}), "SPILLWAY_TARGETS is not set, nor is SPILLWAY_TARGETS_0")
      assert.strictEqual(
        yield* message({ SPILLWAY_TARGETS_0: a, SPILLWAY_TARGETS_2: a }),
        "SPILLWAY_TARGETS_1 is not set, although SPILLWAY_TARGETS_2 is: they are numbered from 0"
      )
      assert.strictEqual(
        yield* message({ SPILLWAY_TARGETS_1: a }),
        "SPILLWAY_TARGETS_0 is not set, although SPILLWAY_TARGETS_1 is: they are numbered from 0"
      )
      assert.match(yield* message({ SPILLWAY_TARGETS: `[${a}]`, SPILLWAY_TARGETS_0: a }), /are both set/)
      assert.strictEqual(
        yield* message({ SPILLWAY_TARGETS_0: a, SPILLWAY_TARGETS_1: "{ id: 1 }" }),
        `SPILLWAY_TARGETS_1: line 1, column 3: expected a key in double quotes, or "}"`
      )
      assert.strictEqual(
        yield* message({ SPILLWAY_TARGETS_0: a, SPILLWAY_TARGETS_1: JSON.stringify(target("b", { wegiht: 1 })) }),
        "SPILLWAY_TARGETS: targets[1].wegiht is not known; did you mean weight?"
      )
      for (const key of ["sk-secret", { env: "sk-secret" }, { literal: "sk-secret" }]) {
        assert.notInclude(yield* message({ SPILLWAY_TARGETS: JSON.stringify([target("a", { key })]) }), "secret")
      }
      assert.strictEqual(
        yield* message({ SPILLWAY_TARGETS: JSON.stringify([target("a", { key: { env: "MISSING" } })]) }),
        "SPILLWAY_TARGETS: targets[0].key: the variable MISSING is not set"
      )
      assert.match(
        yield* message({
          SPILLWAY_TARGETS: JSON.stringify(Array.from({ length: 8 }, (_, i) => target(`${i}`, { tier: -1 })))
        }),
        /targets\[4\]\.tier .*; and 3 more$/
      )
    })
  )

  it.effect("may hold keys where the application allows it", () =>
    Effect.gen(function* () {
      const update = yield* read(
        { SPILLWAY_TARGETS: JSON.stringify([target("a", { key: { literal: "sk-1" } })]) },
        { literalKeys: true }
      )
      const key = setOf(update).targets[0]?.client.of.key
      assert.isTrue(key !== undefined && Redacted.value(key) === "sk-1")
      assert.notInclude(JSON.stringify(update), "sk-1")
    })
  )
})
