import { assert, describe, it } from "@effect/vitest"
import { inTree, runScript } from "./support.ts"

const manifest = (name: string, dependencies: Record<string, string> = {}) =>
  JSON.stringify({ name: `@spillway/${name}`, dependencies, peerDependencies: { effect: "^4.1.0" } })

const manifests = {
  "packages/core/package.json": manifest("core"),
  "packages/strategies/package.json": manifest("strategies", { "@spillway/core": "workspace:^" }),
  "packages/providers/package.json": manifest("providers", { "@spillway/core": "workspace:^" })
}

/** Runs the check on a tree of these files; what it printed, line by line. */
const check = (files: Record<string, string>) =>
  inTree({ ...manifests, ...files }, (folder) => {
    const { status, stdout, stderr } = runScript("layers", ["--in", folder])
    assert.strictEqual(stderr, "")
    return { status, lines: stdout.trimEnd().split("\n") }
  })

/** One file that breaks one rule: exactly that line is reported. */
const breaks = (files: Record<string, string>, expected: string) => {
  const { status, lines } = check(files)
  assert.deepStrictEqual(lines.slice(0, -1), [expected])
  assert.match(lines.at(-1) ?? "", /, 1 violation$/)
  assert.strictEqual(status, 1)
}

const model = { "packages/core/src/model/Gate.ts": "export const gate = 1\n" }

describe("layers", () => {
  it("passes a tree that keeps to the one way down", () => {
    const { status, lines } = check({
      ...model,
      "packages/core/src/index.ts": 'export * as Gate from "./model/Gate.ts"\n',
      "packages/core/src/gates/Bulkhead.ts":
        'import * as Effect from "effect/Effect"\nimport { gate } from "../model/Gate.ts"\n',
      "packages/core/src/redis/Mirror.ts": 'import { gate } from "../model/Gate.ts"\nimport "node:net"\n',
      "packages/core/src/testing/Clock.ts": "export const now = Date.now\n",
      "packages/core/src/state/Iso.ts": "export const iso = (ms: number) => new Date(ms).toISOString()\n",
      "packages/strategies/src/First.ts": 'import type { Gate } from "@spillway/core/Gate"\n',
      "examples/01-first.ts": 'import { Effect } from "effect"\nimport { Gate } from "@spillway/core"\nnew Date()\n'
    })
    assert.deepStrictEqual(lines, ["layers: 8 files, 0 violations"])
    assert.strictEqual(status, 0)
  })

  it("fails when it finds nothing to check", () => {
    assert.strictEqual(check({}).status, 1)
  })

  it("reports a package that imports one above or beside it", () =>
    breaks(
      { "packages/strategies/src/First.ts": 'import "effect/Effect"\nimport "@spillway/providers/OpenAi"\n' },
      "packages/strategies/src/First.ts:2: imports @spillway/providers/OpenAi; " +
        "strategies may import of our packages: core"
    ))

  it("reports a folder of core that imports one to its right", () =>
    breaks(
      { ...model, "packages/core/src/model/Target.ts": 'import type { A } from "../gates/A.ts"\n' },
      "packages/core/src/model/Target.ts:1: imports ../gates/A.ts; model may import of core: model"
    ))

  it("reports an import of redis or testing from a layer", () =>
    breaks(
      { "packages/core/src/router/Router.ts": 'type A = import("../testing/A.ts").A\n' },
      "packages/core/src/router/Router.ts:1: imports ../testing/A.ts; " +
        "router may import of core: model, gates, state, policies, router"
    ))

  it("reports a folder of core that is no layer", () =>
    breaks(
      { ...model, "packages/core/src/utils/A.ts": 'export * from "../model/Gate.ts"\n' },
      "packages/core/src/utils/A.ts:1: imports ../model/Gate.ts; " +
        "sources of core lie in: model, gates, state, policies, router, redis, sources, testing"
    ))

  it("reports a cycle of files, of types too, in any part of the workspace", () =>
    breaks(
      {
        "examples/a.ts": 'import "./b.ts"\n',
        "examples/b.ts": '\nimport type { C } from "./c.ts"\n',
        "examples/c.ts": 'const b = () => import("./b.ts")\n'
      },
      "examples/c.ts:1: import cycle examples/b.ts -> examples/c.ts -> examples/b.ts; no cycle is allowed"
    ))

  it("reports a barrel imported from inside its own package", () =>
    breaks(
      { "packages/strategies/src/First.ts": 'import { A } from "./index.ts"\n' },
      "packages/strategies/src/First.ts:1: imports ./index.ts; import the file itself; barrels are for applications"
    ))

  it("reports a package that imports itself by name", () =>
    breaks(
      { "packages/strategies/src/First.ts": 'import "@spillway/strategies/Second"\n' },
      "packages/strategies/src/First.ts:1: imports @spillway/strategies/Second; " +
        "a package imports its own files by relative path"
    ))

  it("reports a relative import that leaves its package", () =>
    breaks(
      { ...model, "examples/01-first.ts": 'import "../packages/core/src/model/Gate.ts"\n' },
      "examples/01-first.ts:1: imports ../packages/core/src/model/Gate.ts; a relative import stays inside examples"
    ))

  it("reports Effect's barrel in a source", () =>
    breaks(
      { "packages/core/src/model/Gate.ts": 'import { Effect } from "effect"\n' },
      "packages/core/src/model/Gate.ts:1: imports effect; " +
        "sources import the module: effect/Effect, effect/Layer, ..."
    ))

  it("reports Node's own modules where none may be used", () => {
    breaks(
      { "packages/core/src/state/A.ts": 'import { createHash } from "node:crypto"\n' },
      "packages/core/src/state/A.ts:1: imports node:crypto; core may use Node's modules in: redis, sources, testing"
    )
    breaks(
      { "packages/strategies/src/testing/A.ts": 'import "fs"\n' },
      "packages/strategies/src/testing/A.ts:1: imports fs; strategies may use Node's modules in: no folder"
    )
  })

  it("reports a dependency that the package does not declare", () =>
    breaks(
      { "packages/core/src/model/Gate.ts": 'import { Redis } from "ioredis"\n' },
      "packages/core/src/model/Gate.ts:1: imports ioredis; its package.json declares: effect"
    ))

  for (const read of ["Date.now()", "Math.random()", "performance.now()", "new Date()"]) {
    it(`reports ${read} in a source, and only where it is code`, () =>
      breaks(
        { "packages/core/src/model/Gate.ts": `// ${read}\nexport const text = "${read}"\nexport const x = ${read}\n` },
        `packages/core/src/model/Gate.ts:3: reads ${read === "new Date()" ? read : read.slice(0, -2)}; ` +
          "take `now` or `rng` as an argument, or use Clock and Random"
      ))
  }
})
