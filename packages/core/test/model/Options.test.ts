import { assert, describe, it } from "@effect/vitest"
import { createRouter, type Strategy } from "@spillway/core"
import { Effect } from "effect"

const strategy: Strategy.Strategy = { name: "none", make: () => Effect.succeed({ pick: () => undefined }) }
const target = { id: "a", client: 0 }

/** What someone without a compiler writes. */
const message = (options: unknown): string => {
  try {
    createRouter(options as Parameters<typeof createRouter>[0])
    return "made"
  } catch (error) {
    return (error as Error).message
  }
}

describe("options from plain JavaScript", () => {
  it("get a message that names option, range and value", () => {
    const at = "Router.make: targets[0]"
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      [undefined, "createRouter: options must be an object with targets and a strategy, got undefined"],
      [
        { targets: [target] },
        "createRouter: strategy must be a strategy, such as PowerOfTwo.make(), got undefined. Not the module and not its layer"
      ],
      [{ targets: [null], strategy }, `${at} must be an object with an id and a client, got null`],
      [{ targets: [{ ...target, weight: Number.NaN }], strategy }, `${at}.weight must be a finite number > 0, got NaN`],
      [
        { targets: [{ ...target, capabilities: "tools" }], strategy },
        `${at}.capabilities must be a list, such as ["tools"], got "tools"`
      ],
      [
        { targets: [{ ...target, limits: { maxInFlight: 1.5 } }], strategy },
        `${at}.limits.maxInFlight must be an integer >= 1, got 1.5`
      ],
      [
        { targets: [target], strategy, tiers: ["a"] },
        `Router.make: tiers must be a list of lists of target ids, such as [["a", "b"], ["c"]], got a list of 1`
      ]
    ]
    for (const [options, expected] of cases) assert.strictEqual(message(options), expected)
    assert.include(
      message({ targets: [{ ...target, weigth: 2 }], strategy }),
      `contextWindow, price, limits, account, got "weigth"`
    )
  })

  it("of a call reject with one too, and hold nothing", async () => {
    const router = createRouter({ targets: [target], strategy })
    const rejected = async (options: unknown) =>
      router
        .route(async () => 1, options as { deadline: number })
        .then(
          () => "answered",
          (error: Error) => error.message
        )
    assert.strictEqual(await rejected({ idempotent: "no" }), `RouteRequest: idempotent must be true or false, got "no"`)
    assert.strictEqual(
      await rejected({ needs: { regions: "eu" } }),
      `RouteRequest: needs.regions must be a list, got "eu"`
    )
    assert.include(await rejected({ deadline: -1 }), "RouteRequest: deadline must be a duration > 0")
    await router.close()
  })
})
