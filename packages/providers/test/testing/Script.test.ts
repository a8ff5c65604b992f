import { assert, describe, it } from "@effect/vitest"
import { Behaviour, type FakeProvider } from "@spillway/providers/testing"
import { begin, chat, contentOf, idle, statuses, until, withFake } from "./client.ts"

const ok = Behaviour.answer({ tokens: 1 })
const busy = Behaviour.status(503)
const limited = Behaviour.rateLimited()

describe("combinators by number", () => {
  it.effect("sequence gives each request its own, and the last one stays", () =>
    withFake({ m: Behaviour.sequence([limited, busy, ok]) }, async (fake) => {
      assert.deepStrictEqual(await statuses(fake, 5), [429, 503, 200, 200, 200])
    })
  )

  it.effect("cycle begins again", () =>
    withFake({ m: Behaviour.cycle([ok, busy]) }, async (fake) => {
      assert.deepStrictEqual(await statuses(fake, 5), [200, 503, 200, 503, 200])
    })
  )

  it.effect("a nested script counts only the requests that reach it", () =>
    withFake({ m: Behaviour.cycle([ok, Behaviour.sequence([limited, busy])]) }, async (fake) => {
      assert.deepStrictEqual(await statuses(fake, 6), [200, 429, 200, 503, 200, 503])
    })
  )

  it.effect("bursts gives the fault to the next few after every so many", () =>
    withFake({ m: Behaviour.bursts({ every: 4, of: 2, fault: busy, otherwise: ok }) }, async (fake) => {
      const s = 503
      assert.deepStrictEqual(await statuses(fake, 12), [200, 200, 200, 200, s, s, 200, 200, s, s, 200, 200])
    })
  )

  it.effect("outagesByRequest has half-open windows", () =>
    withFake(
      {
        m: Behaviour.outagesByRequest(
          [
            { from: 1, to: 3 },
            { from: 5, to: 6 }
          ],
          busy,
          ok
        )
      },
      async (fake) => {
        assert.deepStrictEqual(await statuses(fake, 7), [200, 503, 503, 200, 200, 503, 200])
      }
    )
  )

  it("names the option that is wrong", () => {
    assert.throws(() => Behaviour.sequence([]), /Behaviour.sequence: behaviours must be a list of at least one/)
    assert.throws(() => Behaviour.cycle([]), /Behaviour.cycle: behaviours/)
    assert.throws(() => Behaviour.bursts({ every: 2, of: 3, fault: busy }), /Behaviour.bursts: of/)
    assert.throws(() => Behaviour.withProbability(1.1, busy), /Behaviour.withProbability: probability must be a share/)
    assert.throws(() => Behaviour.outages([{ from: -1, to: 1 }], busy), /Behaviour.outages: windows\[0\].from/)
    assert.throws(() => Behaviour.outagesByRequest([{ from: 0, to: 0.5 }], busy), /windows\[0\].to/)
    assert.throws(() => Behaviour.concurrency(0), /Behaviour.concurrency: limit/)
  })
})

describe("combinators by time and by request", () => {
  it.effect("outages follow the time since the start, as the log shows it", () =>
    withFake({ m: Behaviour.outages([{ from: 0, to: 40 }], busy, ok) }, async (fake) => {
      while ((fake.requests.at(-1)?.at ?? 0) < 40) await chat(fake)
      assert.isAbove(fake.requests.length, 1)
      for (const { at, status } of fake.requests) assert.strictEqual(status, at < 40 ? 503 : 200)
    })
  )

  it.effect("whenStreamed tells streams from whole answers", () =>
    withFake({ m: Behaviour.whenStreamed(busy, ok) }, async (fake) => {
      assert.strictEqual((await chat(fake, { stream: true })).status, 503)
      assert.strictEqual((await chat(fake, { stream: false })).status, 200)
      assert.strictEqual((await chat(fake)).status, 200)
    })
  )

  it.effect("choose sees the request, its number and its chance", () =>
    withFake(
      {
        m: Behaviour.choose((request, n, rng) =>
          Behaviour.answer({
            text: JSON.stringify([
              request.question,
              request.streamed,
              request.index,
              n,
              rng() < 1,
              request.body["user"]
            ])
          })
        )
      },
      async (fake) => {
        await chat(fake, { model: "unknown" })
        const { body } = await chat(fake, { stream: true, question: "Why?", user: "u1" })
        assert.strictEqual(contentOf(body), '["Why?",true,1,0,true,"u1"]')
      }
    )
  )

  it.effect("a choose that throws is a 500 that says so, and the server lives on", () =>
    withFake(
      {
        m: Behaviour.concurrency(
          1,
          Behaviour.choose((_request, n) => {
            if (n === 0) throw new Error("my mistake")
            return ok
          })
        )
      },
      async (fake) => {
        const reply = await chat(fake)
        assert.strictEqual(reply.status, 500)
        assert.match(reply.body, /my mistake/)
        assert.deepStrictEqual(await statuses(fake, 1), [200])
        assert.strictEqual(fake.requests[0]?.outcome, "error")
      }
    )
  )
})

describe("chance", () => {
  const flaky = Behaviour.withProbability(0.3, busy, ok)

  it.effect("withProbability gives the fault as often as it says", () =>
    withFake({ m: flaky }, async (fake) => {
      const n = 500
      const seen = (await Promise.all(Array.from({ length: 10 }, () => statuses(fake, n / 10)))).flat()
      const faults = seen.filter((status) => status === 503).length / n
      assert.closeTo(faults, 0.3, 5 * Math.sqrt((0.3 * 0.7) / n)) // five sigma
    })
  )

  const run = async (fake: FakeProvider.FakeProvider) => (await statuses(fake, 40)).join()

  it.effect("the same seed and order give the same behaviour, another seed another one", () =>
    withFake(
      { m: flaky },
      async (one) => {
        const first = await run(one)
        one.script("m", flaky)
        assert.strictEqual(await run(one), first)
      },
      { seed: 5 }
    )
  )

  it.effect("another seed gives another run", () =>
    withFake({ m: flaky }, async (one) => {
      const first = await run(one)
      const { FakeProvider } = await import("@spillway/providers/testing")
      const other = await FakeProvider.start({ models: { m: flaky }, seed: 2 })
      const same = await FakeProvider.start({ models: { m: flaky }, seed: 1 })
      assert.notStrictEqual(await run(other), first)
      assert.strictEqual(await run(same), first)
      await Promise.all([other.close(), same.close()])
    })
  )

  it.effect("requests to one model do not shift the chance of another", () =>
    withFake({ m: flaky, n: flaky }, async (fake) => {
      const alone = await run(fake)
      fake.script("m", flaky)
      const mixed: Array<number | undefined> = []
      for (let i = 0; i < 40; i++) {
        mixed.push((await chat(fake)).status)
        await chat(fake, { model: "n" })
      }
      assert.strictEqual(mixed.join(), alone)
    })
  )
})

describe("concurrency", () => {
  it.effect("refuses one more than the limit, and takes one when a slot is free", () =>
    withFake({ m: Behaviour.concurrency(2, Behaviour.silent) }, async (fake) => {
      const held = [begin(fake), begin(fake)]
      await until(fake, () => fake.inFlight("m") === 2)
      assert.strictEqual((await chat(fake)).status, 429)
      held[0]?.abort()
      await until(fake, () => fake.inFlight("m") === 1)
      const third = begin(fake)
      await until(fake, () => fake.inFlight("m") === 2)
      assert.strictEqual((await chat(fake)).status, 429)
      held[1]?.abort()
      third.abort()
      await idle(fake)
      assert.strictEqual(fake.inFlight(), 0)
      assert.strictEqual(fake.peakInFlight("m"), 3)
    })
  )

  it.effect("a client that keeps to the limit is never refused, streamed or not", () =>
    withFake({ m: Behaviour.concurrency(4, Behaviour.answer({ tokens: 3 })) }, async (fake) => {
      const lane = (stream: boolean) => statuses(fake, 40, { stream })
      const seen = (await Promise.all([lane(true), lane(false), lane(true), lane(false)])).flat()
      assert.strictEqual(seen.length, 160)
      assert.isTrue(seen.every((status) => status === 200))
    })
  )

  it.effect("refuses with what it is told", () =>
    withFake({ m: Behaviour.concurrency(1, Behaviour.silent, busy) }, async (fake) => {
      const held = begin(fake)
      await until(fake, () => fake.inFlight("m") === 1)
      assert.strictEqual((await chat(fake)).status, 503)
      held.abort()
      await idle(fake)
    })
  )

  it.effect("the same value counts for each model on its own; accountConcurrency counts for all", () => {
    const two = Behaviour.concurrency(1, Behaviour.silent)
    return withFake(
      { a: two, b: two, c: ok },
      async (fake) => {
        const held = [begin(fake, { model: "a" }), begin(fake, { model: "b" })]
        await until(fake, () => fake.inFlight() === 2)
        assert.strictEqual((await chat(fake, { model: "c" })).status, 429)
        held[0]?.abort()
        await until(fake, () => fake.inFlight() === 1)
        assert.strictEqual((await chat(fake, { model: "c" })).status, 200)
        held[1]?.abort()
        await idle(fake)
      },
      { accountConcurrency: 2 }
    )
  })
})
