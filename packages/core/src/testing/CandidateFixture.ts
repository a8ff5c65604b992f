/**
 * A candidate whose numbers a test sets by hand: for strategies, loads and whatever else reads a `Candidate`. It measures
 * nothing by itself; in a running router attempts write these numbers.
 *
 * ```ts
 * const a = candidate("a", { weight: 5, latency: 800 })
 * a.inFlight++
 * a.set({ successRate: 0.5 })
 * ```
 */
import type { Candidate } from "../model/Candidate.ts"
import type { Millis, Verdict } from "../model/Gate.ts"
import type { Target } from "../model/Target.ts"

/** What changes while a target is in use. */
export interface Live {
  /** Default 0. */
  readonly inFlight?: number
  /** Default `undefined`: no answer yet. */
  readonly latency?: Millis | undefined
  /** Default `undefined`: no content yet. */
  readonly timeToFirstContent?: Millis | undefined
  /** Default `undefined`: no token counted yet. */
  readonly timePerToken?: Millis | undefined
  /** In [0, 1], default `undefined`: no limit. */
  readonly headroom?: number | undefined
  /** In [0, 1], default 1. */
  readonly successRate?: number
  /** Default `undefined`: may start now. */
  readonly verdict?: Verdict
}

export interface Values<Id extends string = string> extends Live {
  /** > 0, default 1. */
  readonly weight?: number
  /** Default 0. */
  readonly tier?: number
  /** Default `-Infinity`: there from the beginning. */
  readonly since?: Millis
  /** Whatever else of the target matters to the test: region, tags, price, capabilities. */
  readonly target?: Partial<Omit<Target<Id, undefined>, "id">>
}

export interface CandidateFixture<Id extends string = string> extends Candidate<Id, undefined> {
  inFlight: number
  /** Sets what is named and leaves the rest. */
  readonly set: (live: Live) => void
}

/** A candidate that is idle, healthy and has never been asked, unless `values` says otherwise. */
export const candidate = <const Id extends string>(id: Id, values: Values<Id> = {}): CandidateFixture<Id> => {
  const { target: _target, tier: _tier, since = Number.NEGATIVE_INFINITY, weight: _weight, ...live } = values
  const fixture = new Fixture(target(id, values), since)
  fixture.set(live)
  return fixture
}

/** A class, like the router's own candidate, so that a strategy is measured with what it will meet. */
class Fixture<Id extends string> implements CandidateFixture<Id> {
  readonly target: Target<Id, undefined>
  readonly since: Millis
  inFlight = 0
  #live: Omit<Live, "inFlight"> = {}

  constructor(target: Target<Id, undefined>, since: Millis) {
    this.target = target
    this.since = since
  }

  latency(): Millis | undefined {
    return this.#live.latency
  }

  timeToFirstContent(): Millis | undefined {
    return this.#live.timeToFirstContent
  }

  timePerToken(): Millis | undefined {
    return this.#live.timePerToken
  }

  headroom(): number | undefined {
    return this.#live.headroom
  }

  successRate(): number {
    return this.#live.successRate ?? 1
  }

  verdict(): Verdict {
    return this.#live.verdict
  }

  set({ inFlight, ...live }: Live): void {
    if (inFlight !== undefined) this.inFlight = inFlight
    this.#live = { ...this.#live, ...live }
  }
}

const target = <Id extends string>(id: Id, values: Values<Id>): Target<Id, undefined> => ({
  id,
  client: undefined,
  weight: values.weight ?? 1,
  provider: id,
  model: id,
  tier: values.tier ?? 0,
  region: undefined,
  zeroRetention: false,
  tags: {},
  capabilities: new Set(),
  contextWindow: undefined,
  price: undefined,
  account: undefined,
  limits: {},
  ...values.target
})
