import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { inTree, runScript } from "./support.ts"

const list = (...models: ReadonlyArray<string>) =>
  `// A header that stays.\nexport const snapshot = {\n  "asOf": "2026-01-01",\n  "source": "https://models.dev",\n  "providers": {\n    "acme": { "models": {\n${models.map((model) => `      ${model}`).join(",\n")}\n    } }\n  }\n}\n`

const small = `"small": {"cost": {"input": 1, "output": 2}, "limit": {"context": 1000, "output": 100}, "commit": "abc"}`
const hourly = `"hourly": {"cost": {"input": 4, "output": 8, "windows": [{"hours": [{"from": 0, "to": 8}], "input": 2}]}}`
const gone = `"gone": {"cost": {"input": 9, "output": 9}}`

const api = JSON.stringify({
  acme: {
    id: "acme",
    models: {
      small: {
        id: "small",
        name: "Small",
        cost: { input: 1, output: 3, context_over_200k: { input: 2, output: 6 } },
        limit: { context: 1000, output: 100 }
      },
      hourly: { cost: { input: 2, output: 4 } },
      other: { cost: { input: 5, output: 5 }, tool_call: true },
      odd: { cost: { input: -1, output: 5 } }
    }
  },
  stranger: { models: { x: { cost: { input: 1, output: 1 } } } }
})

const refresh = (models: ReadonlyArray<string>, ...args: ReadonlyArray<string>) =>
  inTree({ "api.json": api, "snapshot.ts": list(...models) }, (folder) => {
    const path = join(folder, "snapshot.ts")
    const { status, stderr, stdout } = runScript("prices", [
      ...["--from", join(folder, "api.json"), "--snapshot", path, "--as-of", "2026-11-22"],
      ...args
    ])
    return { status, stderr, lines: stdout.trimEnd().split("\n"), text: readFileSync(path, "utf8") }
  })

const rise = [
  `acme/small cost.output: 2 -> 3`,
  `acme/small cost.tiers: nothing -> [{"tier":{"size":200000},"input":2,"output":6}]`
]

describe("prices", () => {
  it("takes new figures for the models of the list, and prints what changed", () => {
    const { lines, status, text } = refresh([small])
    assert.deepStrictEqual([status, ...lines], [0, ...rise, "2 changes"])
    const renewed = `"small": {"cost": {"input": 1, "output": 3, "tiers": [{"tier": {"size": 200000}, "input": 2, "output": 6}]}, "limit": {"context": 1000, "output": 100}}`
    assert.strictEqual(text, list(renewed).replace("2026-01-01", "2026-11-22"))
  })

  it("writes nothing with --check, and fails when something would change", () => {
    const { lines, status, text } = refresh([small], "--check")
    assert.deepStrictEqual([status, ...lines], [1, ...rise, "2 changes"])
    assert.strictEqual(text, list(small))
    assert.strictEqual(refresh([gone], "--check").status, 0)
  })

  it("keeps what the source does not have, and prices with hours", () => {
    const { lines, stderr, text } = refresh([gone, hourly])
    assert.deepStrictEqual(lines, ["0 changes"])
    assert.strictEqual(text, list(gone, hourly))
    assert.include(stderr, "acme/gone: not in the source")
    assert.include(stderr, `acme/hourly: the price has hours and is kept; the source says {"input":2,"output":4}`)
  })

  it("takes up a model that is asked for, unless its price is odd", () => {
    const { lines, stderr, text } = refresh([gone], "--add", "acme/other", "--add", "acme/odd")
    assert.deepStrictEqual(lines, ["acme/other new", "1 changes"])
    assert.include(stderr, "acme/odd: odd in the source")
    assert.strictEqual(
      text,
      list(gone, `"other": {"cost": {"input": 5, "output": 5}, "tool_call": true}`).replace("2026-01-01", "2026-11-22")
    )
  })

  it("says how it is used when it is not told from where", () => assert.strictEqual(runScript("prices", []).status, 2))
})
