import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import * as Resolver from "../../src/sources/Resolver.ts"
import * as DnsServer from "./DnsServer.ts"

const at = (address: string, ttl: number) => ({ address, family: address.includes(":") ? 6 : 4, ttl })

describe("Node's resolver, against a server", () => {
  const withServer = Effect.gen(function* () {
    const { address, zone } = yield* DnsServer.make
    const resolver = yield* Effect.provide(
      Resolver.Resolver,
      Resolver.layer({ servers: [address], timeout: 50, tries: 1 })
    )
    return { zone, resolver }
  })

  it.live("tells addresses with their TTL, and services", () =>
    Effect.gen(function* () {
      const { resolver, zone } = yield* withServer
      zone.records.set("llm.test", [
        { type: "A", address: "10.0.0.1", ttl: 30 },
        { type: "A", address: "10.0.0.2", ttl: 7 },
        { type: "AAAA", address: "fd00::1:2", ttl: 9 }
      ])
      zone.records.set("_llm._tcp.test", [
        { type: "SRV", ttl: 5, priority: 10, weight: 0, port: 8000, host: "a.test" },
        { type: "SRV", ttl: 5, priority: 20, weight: 65_535, port: 65_535, host: "" }
      ])
      assert.deepStrictEqual<unknown>(yield* resolver.addresses("llm.test", 4), [at("10.0.0.1", 30), at("10.0.0.2", 7)])
      assert.deepStrictEqual<unknown>(yield* resolver.addresses("llm.test", 6), [at("fd00::1:2", 9)])
      assert.deepStrictEqual(yield* resolver.services("_llm._tcp.test"), [
        { host: "a.test", port: 8000, priority: 10, weight: 0 },
        { host: "", port: 65_535, priority: 20, weight: 65_535 }
      ])
    }).pipe(Effect.scoped)
  )

  it.live("says why there is no answer", () =>
    Effect.gen(function* () {
      const { resolver, zone } = yield* withServer
      const reason = Effect.map(Effect.flip(resolver.addresses("llm.test", 4)), ({ code, reason }) => [reason, code])
      assert.deepStrictEqual(yield* reason, ["NotFound", "ENOTFOUND"])
      zone.records.set("llm.test", [{ type: "AAAA", address: "::1", ttl: 1 }])
      assert.deepStrictEqual(yield* reason, ["NotFound", "ENODATA"])
      zone.rcode = 2
      assert.deepStrictEqual(yield* reason, ["Failed", "ESERVFAIL"])
      zone.silent = true
      assert.deepStrictEqual(yield* reason, ["Timeout", "ETIMEOUT"])
    }).pipe(Effect.scoped)
  )

  it.live("stops asking when it is interrupted", () =>
    Effect.gen(function* () {
      const { address, zone } = yield* DnsServer.make
      zone.silent = true
      const resolver = yield* Effect.provide(
        Resolver.Resolver,
        Resolver.layer({ servers: [address], timeout: "1 hour" })
      )
      const exit = yield* Effect.exit(Effect.timeoutOption(resolver.addresses("llm.test", 4), 20))
      assert.isTrue(Exit.isSuccess(exit) && exit.value._tag === "None")
      assert.isAtLeast(zone.asked, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("refuses servers that are no addresses", () =>
    Effect.gen(function* () {
      const built = Layer.build(Resolver.layer({ servers: ["dns.example.com"] })).pipe(
        Effect.as("built"),
        Effect.catchDefect((defect) => Effect.succeed(String(defect)))
      )
      assert.include(yield* built, "Resolver: servers must be a list of IP addresses")
    })
  )
})
