import { assert, describe, it } from "@effect/vitest"
import { type Gate, noEvents, reject } from "../../src/model/Gate.ts"
import * as GateLaws from "../../src/testing/GateLaws.ts"
import { LawBroken } from "../../src/testing/LawBroken.ts"

interface Slot {
  settled: boolean
}

interface Counting extends Gate<Slot> {
  readonly state: { inFlight: number }
}

/** At most three at a time: as plain as a gate can be. */
const counting = (): Counting => {
  const state = { inFlight: 0 }
  const full = reject("BulkheadFull")
  return {
    name: "counting",
    state,
    peek: () => (state.inFlight < 3 ? undefined : full),
    admit: () => {
      if (state.inFlight >= 3) return full
      state.inFlight++
      return { settled: false }
    },
    settle: (permit) => {
      if (!permit.settled) state.inFlight--
      permit.settled = true
      return noEvents
    },
    snapshot: () => ({ state: "Open" }),
    restore: () => {}
  }
}

interface Paid {
  settled: boolean
}

/** Five tokens, one per second: a gate that time refills and only an unused permit refunds. */
const bucket = (): Gate<Paid> => {
  let fullAt = 0
  const wait = (now: number) => Math.max(fullAt, now) + 1000 - 5000
  return {
    name: "bucket",
    peek: (now) => (wait(now) <= now ? undefined : reject("RateLimited", wait(now))),
    admit: (now) => {
      if (wait(now) > now) return reject("RateLimited", wait(now))
      fullAt = Math.max(fullAt, now) + 1000
      return { settled: false }
    },
    settle: (permit, outcome) => {
      if (!permit.settled && outcome._tag === "Unused") fullAt -= 1000
      permit.settled = true
      return noEvents
    },
    snapshot: (now) => ({ state: "Open", fullInMs: Math.max(0, fullAt - now) }),
    restore: (snapshot, now) => {
      fullAt = now + Number(snapshot["fullInMs"])
    }
  }
}

/** Closed for a minute by a failure, then one probe at a time. */
const fuse = (): Gate<Slot> => {
  let until: number | undefined
  let probing = false
  const verdict = (now: number) => {
    if (until === undefined) return undefined
    if (now < until) return reject("BreakerOpen", until)
    return probing ? reject("BreakerProbing") : undefined
  }
  return {
    name: "fuse",
    peek: verdict,
    admit: (now) => {
      const refused = verdict(now)
      if (refused !== undefined) return refused
      if (until !== undefined) probing = true
      return { settled: false }
    },
    settle: (permit, outcome, now) => {
      if (permit.settled) return noEvents
      permit.settled = true
      probing = false
      if (outcome._tag === "Failure") until = now + 60_000
      else if (outcome._tag === "Success") until = undefined
      return noEvents
    },
    snapshot: (now) => ({
      state: until === undefined ? "Closed" : "Open",
      openForMs: Math.max(0, (until ?? now) - now)
    }),
    restore: (snapshot, now) => {
      until = snapshot.state === "Closed" ? undefined : now + Number(snapshot["openForMs"])
    }
  }
}

const broken = <P extends object>(subject: GateLaws.Subject<P>): ReadonlyArray<string> =>
  GateLaws.laws
    .filter((law) => {
      for (let seed = 1; seed <= 5; seed++) {
        try {
          law.check({ ...subject, seed })
        } catch (error) {
          assert.instanceOf(error, LawBroken)
          return true
        }
      }
      return false
    })
    .map((law) => law.name)

const counter = (change: (gate: Counting) => Partial<Gate<Slot>>) => () => {
  const gate = counting()
  return { ...gate, ...change(gate) }
}

const [refunds = "", comesBack = "", once = "", purePeek = "", agrees = "", future = "", restart = ""] =
  GateLaws.laws.map((law) => law.name)

describe("GateLaws", () => {
  for (const make of [counting, bucket, fuse]) {
    it(`hold for an honest gate: ${make().name}`, () => {
      for (let seed = 1; seed <= 50; seed++) GateLaws.check<Slot>({ make, seed })
    })
  }

  it("name the gate, the law and what was seen", () => {
    const make = counter(() => ({ settle: () => noEvents }))
    assert.throws(
      () => GateLaws.check({ make }),
      LawBroken,
      /counting: "takes an unused.*it admitted 3.*then it admitted 0/
    )
  })

  for (const tag of ["Success", "Failure", "Ignored", "RateLimited"]) {
    it(`notice a permit that is lost on ${tag}`, () => {
      const make = counter((gate) => ({
        settle: (permit, outcome, now) => (outcome._tag === tag ? noEvents : gate.settle(permit, outcome, now))
      }))
      assert.include(broken({ make }), comesBack)
    })
  }

  it("notice an unused permit that is not refunded", () => {
    const make = () => ({ ...bucket(), settle: () => noEvents })
    assert.include(broken<Paid>({ make }), refunds)
  })

  it("notice a second settle that frees a second slot", () => {
    const make = counter((gate) => ({
      settle: () => {
        gate.state.inFlight = Math.max(0, gate.state.inFlight - 1)
        return noEvents
      }
    }))
    assert.include(broken({ make }), once)
  })

  it("notice a second settle that is learned from, and one that is reported", () => {
    const learns = () => {
      const gate = fuse()
      let failures = 0
      return {
        ...gate,
        settle: (permit: Slot, outcome: Parameters<typeof gate.settle>[1], now: number) => {
          if (outcome._tag === "Failure") failures++
          return gate.settle(permit, outcome, now)
        },
        snapshot: (now: number) => ({ ...gate.snapshot(now), failures })
      }
    }
    assert.include(broken({ make: learns }), once)
    const reports = counter((gate) => ({
      settle: (permit, outcome, now) => {
        gate.settle(permit, outcome, now)
        return [{ _tag: "Parked", gate: gate.name }]
      }
    }))
    assert.deepStrictEqual(broken({ make: reports }), [once])
  })

  it("notice a peek that takes something", () => {
    const make = counter((gate) => ({
      peek: (now, cost) => {
        const verdict = gate.peek(now, cost)
        if (verdict === undefined) gate.state.inFlight++
        return verdict
      }
    }))
    assert.include(broken({ make }), purePeek)
  })

  it("notice a peek that promises or refuses what admit does not", () => {
    assert.deepStrictEqual(broken({ make: counter(() => ({ peek: () => undefined })) }), [agrees])
    assert.include(broken({ make: counter(() => ({ peek: () => reject("Isolated") })) }), agrees)
  })

  it("allow a gate that says so to admit by chance", () => {
    const make = counter((gate) => ({
      admit: (now, cost, rng) => (rng() < 0.3 ? reject("Shed") : gate.admit(now, cost, rng))
    }))
    assert.include(broken({ make }), agrees)
    assert.deepStrictEqual(broken({ make, probabilistic: true }), [])
  })

  it("notice a time to retry that has passed", () => {
    const make = counter((gate) => ({
      peek: (now, cost) => (gate.peek(now, cost) === undefined ? undefined : reject("BulkheadFull", now - 1))
    }))
    assert.deepStrictEqual(broken({ make }), [future])
  })

  it("notice a snapshot that keeps absolute times, or leaves something out", () => {
    const absolute = () => {
      let fullAt = 0
      const gate = bucket()
      return {
        ...gate,
        snapshot: (now: number) => {
          fullAt = now + Number(gate.snapshot(now)["fullInMs"])
          return { state: "Open", fullAt }
        },
        restore: (snapshot: { readonly [key: string]: string | number | boolean }, now: number) =>
          gate.restore({ state: "Open", fullInMs: Math.max(0, Number(snapshot["fullAt"]) - now) }, now)
      }
    }
    assert.include(broken({ make: absolute }), restart)
    assert.include(broken({ make: () => ({ ...fuse(), restore: () => {} }) }), restart)
  })
})
