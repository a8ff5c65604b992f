import { assert, describe, it } from "@effect/vitest"
import { InvalidOption } from "../../../src/model/InvalidOption.ts"
import * as Contender from "../../../src/testing/simulation/Contender.ts"
import { Run } from "../../../src/testing/simulation/internal/Run.ts"
import type { Scenario } from "../../../src/testing/simulation/Scenario.ts"
import * as Simulation from "../../../src/testing/simulation/Simulation.ts"
import { inOrder, once, scenario } from "./fixture.ts"

const good = scenario({ a: { latency: { firstContent: 10 } } })

/** `good` with something else at a path; what is put there need not be of the type. */
const withAt = (path: ReadonlyArray<string | number>, value: unknown): Scenario => {
  const copy = structuredClone(good)
  let at: object = copy
  for (const key of path.slice(0, -1)) {
    if (Reflect.get(at, key) === undefined) Reflect.set(at, key, {})
    at = Reflect.get(at, key)
  }
  Reflect.set(at, path.at(-1) ?? "", value)
  return copy
}

const optionOf = (body: () => unknown): string => {
  try {
    body()
  } catch (error) {
    if (error instanceof InvalidOption) return error.option
    throw error
  }
  return "none"
}

const provider = ["providers", "a"] as const
const arrivals = ["traffic", 0, "arrivals"] as const

describe("a scenario", () => {
  it("that is good is taken", () => {
    assert.strictEqual(
      optionOf(() => Simulation.check(good)),
      "none"
    )
  })

  it.each<[path: ReadonlyArray<string | number>, value: unknown, option: string]>([
    [["name"], "", "Scenario: name"],
    [["seed"], 1.5, "Scenario: seed"],
    [["duration"], "soon", "Scenario: duration"],
    [["duration"], 0, "Scenario: duration"],
    [["duration"], "Infinity", "Scenario: duration"],
    [["warmup"], "10 minutes", "Scenario: warmup"],
    [["drain"], -1, "Scenario: drain"],
    [["startsAt"], "yesterday", "Scenario: startsAt"],
    [["traffik"], [], "Scenario"],
    [["traffic"], [], "Scenario: traffic"],
    [["traffic", 1], { name: "calls", arrivals: { kind: "poisson", perSecond: 1 } }, "Scenario: traffic[1].name"],
    [["traffic", 0, "priority"], "P9", "Scenario: traffic[0].priority"],
    [["traffic", 0, "deadline"], 0, "Scenario: traffic[0].deadline"],
    [["traffic", 0, "streamed"], 2, "Scenario: traffic[0].streamed"],
    [["traffic", 0, "tenants"], 0, "Scenario: traffic[0].tenants"],
    [["traffic", 0, "tenants"], { one: -1 }, "Scenario: traffic[0].tenants"],
    [["traffic", 0, "tokens"], { input: -1, output: 0 }, "Scenario: traffic[0].tokens.input"],
    [["traffic", 0, "cacheKeys"], { count: 2_000_000 }, "Scenario: traffic[0].cacheKeys.count"],
    [["traffic", 0, "needs"], { regionz: [] }, "Scenario: traffic[0].needs"],
    [[...arrivals, "kind"], "sometimes", "Scenario: traffic[0].arrivals.kind"],
    [[...arrivals, "perSecond"], -1, "Scenario: traffic[0].arrivals.perSecond"],
    [arrivals, { kind: "constant", perSecond: 0 }, "Scenario: traffic[0].arrivals.perSecond"],
    [arrivals, { kind: "times", at: [5, 4] }, "Scenario: traffic[0].arrivals.at[1]"],
    [arrivals, { kind: "rates", every: 10, perSecond: [0] }, "Scenario: traffic[0].arrivals.perSecond"],
    [arrivals, { kind: "callers", count: 0 }, "Scenario: traffic[0].arrivals.count"],
    [
      arrivals,
      { kind: "diurnal", perSecond: 1, peakToMean: 0.5, peakHour: 1 },
      "Scenario: traffic[0].arrivals.peakToMean"
    ],
    [
      arrivals,
      { kind: "bursts", perSecond: 1, burstPerSecond: 2, every: 10, lasting: 10 },
      "Scenario: traffic[0].arrivals.lasting"
    ],
    [["providers"], {}, "Scenario: providers"],
    [[...provider, "speed"], 1, "Scenario: providers.a"],
    [
      [...provider, "latency", "firstContent"],
      { kind: "lognormal", median: 5, p95: 4 },
      "Scenario: providers.a.latency.firstContent.p95"
    ],
    [
      [...provider, "latency", "firstContent"],
      {
        kind: "quantiles",
        points: [
          [0, 1],
          [0.5, 2]
        ]
      },
      "Scenario: providers.a.latency.firstContent.points"
    ],
    [[...provider, "latency", "firstContent"], { kind: "gauss" }, "Scenario: providers.a.latency.firstContent.kind"],
    [[...provider, "account"], "nobody", "Scenario: providers.a.account"],
    [[...provider, "capacity"], { concurrency: 0 }, "Scenario: providers.a.capacity.concurrency"],
    [[...provider, "capacity"], { whenFull: "panic" }, "Scenario: providers.a.capacity.whenFull"],
    [[...provider, "errors"], [{ rate: 0.1, status: 200 }], "Scenario: providers.a.errors[0].status"],
    [
      [...provider, "errors"],
      [
        { rate: 0.6, status: 500 },
        { rate: 0.6, status: 501 }
      ],
      "Scenario: providers.a.errors"
    ],
    [[...provider, "silent"], 2, "Scenario: providers.a.silent"],
    [[...provider, "events"], [{ kind: "quake", from: 0 }], "Scenario: providers.a.events[0].kind"],
    [[...provider, "events"], [{ kind: "outage", from: 0, lasting: 0 }], "Scenario: providers.a.events[0].lasting"],
    [["accounts", "x"], { requestsPerMinute: 0 }, "Scenario: accounts.x.requestsPerMinute"],
    [["network"], [{ between: ["eu"], oneWay: 1 }], "Scenario: network[0].between"],
    [["network"], [{ between: ["eu", "us"], oneWay: -1 }], "Scenario: network[0].oneWay"]
  ])("is refused for %j = %j", (path, value, option) => {
    assert.strictEqual(
      optionOf(() => Simulation.check(withAt(path, value))),
      option
    )
  })
})

describe("a contender", () => {
  it("is refused for what it says wrong", () => {
    const targets = [{ id: "a" }]
    for (const [contender, option] of [
      [once("z"), "Contender plain: targets[0].provider"],
      [once("a", { targets: [] }), "Contender plain: targets"],
      [once("a", { targets: [{ id: "a" }, { id: "a" }] }), "Contender plain: targets[1].id"],
      [once("a", { retry: { retries: -1 } }), "Contender plain: retry.retries"],
      [once("a", { timeout: 0 }), "Contender plain: timeout"],
      [Contender.router({ targets, strategy: inOrder, instances: 0 }), "Contender in-order: instances"],
      [
        Contender.router({ targets: [{ id: "a", provider: "x" }], strategy: inOrder }),
        "Contender in-order: targets[0].provider"
      ]
    ] as const) {
      assert.strictEqual(
        optionOf(() => new Run(good, contender)),
        option
      )
    }
  })
})
