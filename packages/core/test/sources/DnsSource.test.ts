import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as DnsSource from "../../src/sources/DnsSource.ts"
import * as Resolver from "../../src/sources/Resolver.ts"
import { follow, idsOf, messageOf, setOf } from "./support.ts"

type Answers = {
  four: ReadonlyArray<Resolver.Address> | Resolver.ResolveError["reason"]
  six: ReadonlyArray<Resolver.Address> | Resolver.ResolveError["reason"]
  services: ReadonlyArray<Resolver.Service> | Resolver.ResolveError["reason"]
  asked: number
}

const resolver = (given: Partial<Answers>) => {
  const answers: Answers = { four: "NotFound", six: "NotFound", services: "NotFound", asked: 0, ...given }
  const say = <A>(name: string, answer: ReadonlyArray<A> | Resolver.ResolveError["reason"]) =>
    Effect.suspend(() => {
      answers.asked++
      return typeof answer === "string"
        ? Effect.fail(new Resolver.ResolveError({ name, reason: answer, code: "TEST" }))
        : Effect.succeed(answer)
    })
  const layer = Layer.succeed(Resolver.Resolver, {
    addresses: (host, family) => Effect.suspend(() => say(host, family === 4 ? answers.four : answers.six)),
    services: (name) => Effect.suspend(() => say(name, answers.services))
  })
  return { answers, layer }
}

const at = (address: string, ttl = 60): Resolver.Address => ({ address, family: address.includes(":") ? 6 : 4, ttl })
const byAddress = ({ address, port }: DnsSource.AddressRecord) => ({ id: address, client: `http://${address}:${port}` })
const byHost = ({ host, port }: DnsSource.ServiceRecord) => ({ id: `${host}:${port}`, client: host })

const addresses = (given: Partial<Answers>, options: Partial<DnsSource.AddressOptions<string>> = {}) =>
  Effect.gen(function* () {
    const { answers, layer } = resolver(given)
    const source = yield* Effect.provide(
      DnsSource.addresses({ host: "llm.internal", describe: byAddress, ...options }),
      layer
    )
    return { ...(yield* follow(source)), answers, name: source.name }
  })

const services = (given: Answers["services"], options: Partial<DnsSource.ServiceOptions<string>> = {}) =>
  Effect.gen(function* () {
    const { answers, layer } = resolver({ services: given })
    const source = yield* Effect.provide(
      DnsSource.services({ name: "_llm._tcp.internal", describe: byHost, ...options }),
      layer
    )
    return { ...(yield* follow(source)), answers }
  })

describe("the addresses of a host", () => {
  it.effect("are a target each, asked for again when the shortest TTL is over", () =>
    Effect.gen(function* () {
      const { answers, name, next, rest } = yield* addresses({ four: [at("10.0.0.2", 90), at("10.0.0.1", 30)] })
      assert.strictEqual(name, "DNS llm.internal")
      const { targets } = setOf(yield* next)
      assert.deepStrictEqual(targets, [
        { id: "10.0.0.1", client: "http://10.0.0.1:443" },
        { id: "10.0.0.2", client: "http://10.0.0.2:443" }
      ])
      answers.four = [at("10.0.0.3", 30)]
      yield* TestClock.adjust("29999 millis")
      assert.strictEqual(answers.asked, 1)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(idsOf(yield* next), ["10.0.0.3"])
      assert.deepStrictEqual(yield* rest, [])
    })
  )

  it.effect("in another order, or with another TTL, are the same", () =>
    Effect.gen(function* () {
      const { answers, next, rest } = yield* addresses({ four: [at("10.0.0.1"), at("10.0.0.2")] })
      yield* next
      answers.four = [at("10.0.0.2", 10), at("10.0.0.1", 10)]
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* rest, [])
    })
  )

  it.effect("are asked for within bounds, whatever the TTL", () =>
    Effect.gen(function* () {
      const none = yield* addresses({ four: [at("10.0.0.1", 0)] }, { minInterval: "2 seconds" })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(none.answers.asked, 31)
      const long = yield* addresses({ four: [at("10.0.0.1", 86_400)] })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(long.answers.asked, 13)
    })
  )

  it.effect("stay when DNS fails, which is said once and tried again ever later", () =>
    Effect.gen(function* () {
      const { answers, next, rest } = yield* addresses({ four: [at("10.0.0.1", 5)] })
      yield* next
      answers.four = "Timeout"
      answers.asked = 0
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(messageOf(yield* next), "llm.internal: no DNS server answered (TEST)")
      yield* TestClock.adjust("75 seconds")
      // After 5, 10, 20 and 40 s more.
      assert.strictEqual(answers.asked, 5)
      assert.deepStrictEqual(yield* rest, [])
      answers.four = "NotFound"
      yield* TestClock.adjust("80 seconds")
      assert.strictEqual(messageOf(yield* next), "llm.internal: there is no such record (TEST)")
      answers.four = [at("10.0.0.1", 5)]
      yield* TestClock.adjust("160 seconds")
      assert.deepStrictEqual(idsOf(yield* next), ["10.0.0.1"])
      answers.asked = 0
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(answers.asked, 1)
    })
  )

  it.effect("may be none, where the application says that this is a set", () =>
    Effect.gen(function* () {
      const { next } = yield* addresses({}, { onNotFound: "empty" })
      assert.deepStrictEqual(yield* next, { _tag: "Targets", set: { targets: [] } })
    })
  )

  it.effect("may be of both families, or of one of them", () =>
    Effect.gen(function* () {
      const both = yield* addresses({ four: [at("10.0.0.1")], six: [at("fd00::1")] }, { family: "both" })
      assert.deepStrictEqual(idsOf(yield* both.next), ["10.0.0.1", "fd00::1"])
      const six = yield* addresses({ six: [at("fd00::1")] }, { family: "both" })
      assert.deepStrictEqual(idsOf(yield* six.next), ["fd00::1"])
      const half = yield* addresses({ four: [at("10.0.0.1")], six: "Timeout" }, { family: "both" })
      assert.match(messageOf(yield* half.next), /no DNS server answered/)
      const none = yield* addresses({}, { family: "both" })
      assert.match(messageOf(yield* none.next), /no such record/)
    })
  )

  it.effect("keep their client for as long as they are there", () =>
    Effect.gen(function* () {
      let made = 0
      const { answers, next } = yield* addresses(
        { four: [at("10.0.0.1", 5)] },
        { describe: ({ address }) => ({ id: address, client: `${address} number ${++made}` }) }
      )
      yield* next
      answers.four = [at("10.0.0.1", 5), at("10.0.0.2", 5)]
      yield* TestClock.adjust("5 seconds")
      const clients = setOf(yield* next).targets.map(({ client }) => client)
      assert.deepStrictEqual(clients, ["10.0.0.1 number 1", "10.0.0.2 number 2"])
      answers.four = [at("10.0.0.2", 5)]
      yield* TestClock.adjust("5 seconds")
      yield* next
      answers.four = [at("10.0.0.1", 5)]
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(setOf(yield* next).targets[0]?.client, "10.0.0.1 number 3")
    })
  )

  it.effect("that are described alike, or by code that throws, are a problem", () =>
    Effect.gen(function* () {
      const four = [at("10.0.0.1"), at("10.0.0.2")]
      const alike = yield* addresses({ four }, { describe: () => ({ id: "same", client: "" }) })
      assert.strictEqual(messageOf(yield* alike.next), `DNS llm.internal: describe: two records have the id "same"`)
      const broken = yield* addresses(
        { four },
        {
          describe: () => {
            throw new Error("no such model")
          }
        }
      )
      assert.strictEqual(messageOf(yield* broken.next), "DNS llm.internal: describe: no such model")
    })
  )

  it.effect("need options that make sense", () =>
    Effect.gen(function* () {
      const wrong = (options: object) =>
        addresses({}, options).pipe(Effect.catchDefect((defect) => Effect.succeed(String(defect))))
      assert.include(yield* wrong({ host: "" }), "DnsSource.addresses: host must be a DNS name")
      assert.include(yield* wrong({ family: 5 }), `family must be 4, 6 or "both", got 5`)
      assert.include(yield* wrong({ minInterval: "1 hour", maxInterval: 5 }), "maxInterval must be >= minInterval")
      assert.include(yield* wrong({ onNotfound: "empty" }), "must be made of host, port, family")
    })
  )
})

describe("service records", () => {
  const record = (host: string, priority: number, weight: number): Resolver.Service => ({
    host,
    port: 8000,
    priority,
    weight
  })

  it.effect("are tiers by priority, and shares by weight; those of weight 0 share one unit", () =>
    Effect.gen(function* () {
      const { next } = yield* services([
        record("backup", 20, 0),
        record("big", 10, 60),
        record("small", 10, 20),
        record("idle1", 10, 0),
        record("idle2", 10, 0)
      ])
      const { targets, tiers } = setOf(yield* next)
      assert.deepStrictEqual(
        tiers?.map((tier) => [...tier].sort()),
        [["big:8000", "idle1:8000", "idle2:8000", "small:8000"], ["backup:8000"]]
      )
      assert.deepStrictEqual(Object.fromEntries(targets.map(({ id, weight }) => [id, weight])), {
        "big:8000": 60,
        "small:8000": 20,
        "idle1:8000": 0.5,
        "idle2:8000": 0.5,
        "backup:8000": 1
      })
    })
  )

  it.effect("may be overruled by the application", () =>
    Effect.gen(function* () {
      const { next } = yield* services([record("a", 10, 60), record("b", 20, 1)], {
        describe: (one) => ({ ...byHost(one), tier: 0, weight: 3 })
      })
      const { targets, tiers } = setOf(yield* next)
      assert.deepStrictEqual(tiers, [["a:8000", "b:8000"]])
      assert.deepStrictEqual(
        targets.map(({ weight }) => weight),
        [3, 3]
      )
    })
  )

  it.effect("are asked for at the interval, and change with the weight alone", () =>
    Effect.gen(function* () {
      const { answers, next } = yield* services([record("a", 10, 60)], { interval: "20 seconds" })
      yield* next
      answers.services = [record("a", 10, 10)]
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(setOf(yield* next).targets[0]?.weight, 10)
    })
  )

  it.effect("with no host say that the service is not offered", () =>
    Effect.gen(function* () {
      const { next } = yield* services([{ host: "", port: 0, priority: 0, weight: 0 }])
      assert.strictEqual(messageOf(yield* next), "_llm._tcp.internal: there is no such record (not offered)")
    })
  )
})
