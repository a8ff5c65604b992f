import { describe, it } from "@effect/vitest"
import { RouteRequest, type Strategy } from "@spillway/core"
import { CandidateFixture, Seeded } from "@spillway/core/testing"
import * as S from "@spillway/strategies"
import { Effect } from "effect"
import { PrefixTree } from "../src/internal/PrefixTree.ts"

const { candidate } = CandidateFixture
const always = () => true
const req = RouteRequest.unspecified
const made = (s: any, c: any, b?: any): Strategy.Picker => Effect.runSync(Effect.scoped(s.make(c, b)))
const say = (name: string, f: () => unknown) =>
  it(name, () => {
    try {
      console.log(name, "=>", f())
    } catch (e) {
      console.log(name, "THREW", String(e).slice(0, 200))
    }
  })
const withPrice = (id: string, p: number) => candidate(id, { target: { price: { input: p, output: p } as any } })
describe("review", () => {
  say(
    "cheapest free, spread Infinity",
    () =>
      made(S.Cheapest.make({ spread: Infinity }), [withPrice("a", 0), withPrice("b", 1)]).pick(
        req,
        always,
        0,
        Seeded.rng(1)
      )?.target.id
  )
  say("free failing", () => {
    const a = withPrice("a", 0)
    a.set({ successRate: 0.01 })
    const p = made(S.Cheapest.make(), [a, withPrice("b", 1)])
    const c: any = {}
    const r = Seeded.rng(1)
    for (let i = 0; i < 100; i++) {
      const k = p.pick(req, always, 0, r)!.target.id
      c[k] = (c[k] ?? 0) + 1
    }
    return JSON.stringify(c)
  })
  say("orElse(where none) score", () => {
    const a = candidate("a"),
      b = candidate("b")
    const p = made(S.orElse(S.where({ regions: ["x"] }, S.Failover.make()), S.Failover.make()), [a, b])
    return [a, b].map((x) => p.score?.(x, req, 0))
  })
  say("rank ties", () => {
    const p = made(
      S.rank([{ of: () => 1 }]),
      ["a", "b", "c", "d"].map((x) => candidate(x))
    )
    const c: any = {}
    const r = Seeded.rng(1)
    for (let i = 0; i < 1000; i++) {
      const k = p.pick(req, always, 0, r)!.target.id
      c[k] = (c[k] ?? 0) + 1
    }
    return JSON.stringify(c)
  })
  say("mix bad option", () => S.mix([{ share: 1, strategy: S.Failover.make() }], { keyof: () => "x" } as any).name)
  say("rank bad option", () => S.rank([{ of: () => 1, wieght: 3 } as any], { choice: 5 } as any).name)
  say("mix huge", () => {
    const p = made(
      S.mix([
        { share: 1e308, strategy: S.where({ targets: ["a"] }, S.Failover.make()) },
        { share: 1e308, strategy: S.where({ targets: ["b"] }, S.Failover.make()) }
      ]),
      [candidate("a"), candidate("b")]
    )
    const r = Seeded.rng(1)
    const c: any = {}
    for (let i = 0; i < 100; i++) {
      const k = p.pick(req, always, 0, r)!.target.id
      c[k] = (c[k] ?? 0) + 1
    }
    return JSON.stringify(c)
  })
  for (const [n, f] of Object.entries({
    affinity: () => S.Affinity.make({ orElse: S.PowerOfTwo as any }),
    prefix: () => S.PrefixCache.make({ orElse: S.PowerOfTwo as any }),
    canary: () =>
      S.Canary.make({ name: "x", variants: { a: { share: 0.1, targets: ["a"] } }, within: S.PowerOfTwo as any }),
    canaryKey: () =>
      S.Canary.make({ name: "x", variants: { a: { share: 0.1, targets: ["a"] } }, keyOf: "user" as any }),
    canaryStrict: () =>
      S.Canary.make({ name: "x", variants: { a: { share: 0.1, targets: ["a"] } }, strict: "yes" as any }),
    nearest: () => S.NearestRegion.make({ within: S.PowerOfTwo as any }),
    orderStr: () => S.NearestRegion.make({ order: "eu" as any }),
    orderEmpty: () => S.NearestRegion.make({ order: [] }),
    overInf: () => S.NearestRegion.make({ overprovisioning: Infinity }),
    rulesTags: () => S.Rules.make([{ when: { tags: { a: 5 } as any }, only: {} }]),
    rulesTagsStr: () => S.Rules.make([{ when: { tags: "a" as any }, only: {} }]),
    rulesMatches: () => S.Rules.make([{ when: { matches: "x" as any }, only: {} }]),
    whereTags: () => S.where({ tags: { a: 5 } as any }, S.Failover.make()),
    bandit: () => S.Bandit.make({ goodLatency: "Infinity" }),
    banditKind: () => S.Bandit.make({ kindOf: 3 as any }),
    cheapLoad: () => S.Cheapest.make({ load: 3 as any }),
    nullOpts: () => S.Bandit.make(null as any)
  }))
    say("opt " + n, () => "accepted " + (f() as any).name)
  say("nearest order collision", () => {
    const c = [
      ["a, b", "x"],
      ["a", "y"]
    ].map(([region, id]) => candidate(id!, { target: { region: region! } }))
    const p = made(S.NearestRegion.make({ order: ["a, b", ["a", "b"]] }), c)
    return c.map((x) => p.score?.(x, req, 0))
  })
  say("nearest transitivity", () => {
    const c = [
      ["r1", 100],
      ["r2", 85],
      ["r3", 70],
      ["r4", 58]
    ].map(([r, ms]) => ({ ms: ms as number, c: candidate(r as string, { target: { region: r as string } }) }))
    const p = made(
      S.NearestRegion.make({ explore: 0 }),
      c.map((x) => x.c)
    )
    for (const x of c) p.settled?.(x.c, { _tag: "Success" } as any, 0, { request: req, ms: x.ms } as any)
    const r = Seeded.rng(1)
    p.pick(req, always, 10, r)
    p.pick(req, always, 5000, r)
    return c.map((x) => Math.floor(p.score!(x.c, req, 5000)))
  })
  say("tree collision", () => {
    const tree = new PrefixTree(8, 1e9)
    const a = candidate("a")
    const G = 2 ** 30
    const base = [1, 2, 3]
    tree.insert(base, a, 0)
    tree.match([1, 2, 3, G + 2], 0, 0, always)
    tree.insert([1, 2, 3, G + 2], a, 0)
    let max = 0
    for (let i = 0; i < 200; i++) {
      const b = [1000 + 10 * i, 1001 + 10 * i, 1002 + 10 * i]
      tree.match(b, 0, 0, always)
      tree.insert(b, a, 0)
      max = Math.max(max, tree.size)
    }
    return [max, tree.size, tree.depth([1000 + 1990, 1001 + 1990, 1002 + 1990], a, 0)]
  })
  say("tree collision many", () => {
    const tree = new PrefixTree(64, 1e9)
    const a = candidate("a")
    const G = 2 ** 30
    let max = 0
    for (let i = 0; i < 2000; i++) {
      const s = 10 + (i % 20) * 10
      const b = [s, s + 1, s + 2, s + 3]
      tree.match(b, 0, i, always)
      tree.insert(b, a, i)
      if (i % 7 === 0) {
        const x = [...b, (1 + i) * G + s + 1 + (i % 3)]
        tree.match(x, 0, i, always)
        tree.insert(x, a, i)
      }
      max = Math.max(max, tree.size)
    }
    for (let i = 0; i < 500; i++) {
      const s = 1e6 + i * 10
      tree.insert([s, s + 1, s + 2], a, 0)
      max = Math.max(max, tree.size)
    }
    return [max, tree.size]
  })
})
