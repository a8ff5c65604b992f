/**
 * A discrete-event run of one strategy on virtual time: calls arrive as a Poisson process, each is sent once and either
 * answers or fails when its service time is over. No gates, no retries: what is measured is the choice alone.
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Millis, Rng } from "@spillway/core/Gate"
import { failure, success } from "@spillway/core/Outcome"
import * as RouteRequest from "@spillway/core/RouteRequest"
import type { Strategy } from "@spillway/core/Strategy"
import { CandidateFixture, Seeded } from "@spillway/core/testing"
import { always, pickerOf } from "./pickerOf.ts"

export interface Service {
  readonly ms: Millis
  readonly ok: boolean
}

export interface Model {
  readonly id: string
  readonly weight?: number
  readonly serve: (rng: Rng, now: Millis) => Service
}

export interface Options {
  readonly strategy: Strategy<string>
  readonly targets: ReadonlyArray<Model>
  readonly perSecond: number
  readonly seconds: number
  /** Calls before this are served but not counted. Default 0. */
  readonly countFrom?: number
  readonly seed: number
  /** Weight of one outcome in the success rate. */
  readonly sampleWeight: number
  /** Also take the time of a failure as a latency. A router does not; a strategy should bear it. Default false. */
  readonly failuresAsLatency?: boolean
}

/** Time constant of the latency average, and of the success rate's way back to 1. */
const latencyTau = 10_000
const successTau = 30_000

/** A target with the statistics a router keeps: peak EWMA of whole answers, success rate that drifts back to 1. */
class Measured implements Candidate {
  readonly target: Candidate["target"]
  readonly model: Model
  readonly since = Number.NEGATIVE_INFINITY
  inFlight = 0
  #cost: number | undefined
  #costAt = 0
  #rate = 1
  #rateAt = 0

  constructor(model: Model) {
    this.model = model
    this.target = CandidateFixture.candidate(model.id, { weight: model.weight ?? 1 }).target
  }

  latency(now: Millis): Millis | undefined {
    return this.#cost === undefined ? undefined : this.#cost * Math.exp((this.#costAt - now) / latencyTau)
  }

  timePerToken(): undefined {
    return undefined
  }

  headroom(): undefined {
    return undefined
  }

  timeToFirstContent(): undefined {
    return undefined
  }

  successRate(now: Millis): number {
    return 1 - (1 - this.#rate) * Math.exp((this.#rateAt - now) / successTau)
  }

  verdict(): undefined {
    return undefined
  }

  observeLatency(ms: Millis, now: Millis): void {
    const old = this.#cost ?? 0
    const keep = Math.exp((this.#costAt - now) / latencyTau)
    this.#cost = ms > old ? ms : old * keep + ms * (1 - keep)
    this.#costAt = now
  }

  observe(ok: boolean, weight: number, now: Millis): void {
    this.#rate = (1 - weight) * this.successRate(now) + (ok ? weight : 0)
    this.#rateAt = now
  }
}

/** Share of the counted calls per target id, in [0, 1]. */
export const shares = (options: Options): Readonly<Record<string, number>> => {
  const { countFrom = 0, failuresAsLatency = false, perSecond, sampleWeight, seconds, seed, strategy } = options
  const candidates = options.targets.map((model) => new Measured(model))
  const picker = pickerOf(strategy, candidates)
  const arrivals = Seeded.rng(seed)
  const service = Seeded.rng(seed + 1)
  const chance = Seeded.rng(seed + 2)
  const running: Array<{ readonly candidate: Measured; readonly endsAt: Millis; readonly served: Service }> = []
  const counts = new Map<string, number>()
  let total = 0

  const settleUntil = (now: Millis) => {
    for (let next = running.at(-1); next !== undefined && next.endsAt <= now; next = running.at(-1)) {
      running.pop()
      const { candidate, endsAt, served } = next
      candidate.inFlight--
      if (served.ok || failuresAsLatency) candidate.observeLatency(served.ms, endsAt)
      candidate.observe(served.ok, sampleWeight, endsAt)
      picker.settled?.(candidate, served.ok ? success : failure("Overloaded"), endsAt, {
        request: RouteRequest.unspecified,
        ms: served.ms,
        firstContentMs: undefined,
        inputTokens: undefined,
        outputTokens: undefined,
        limits: undefined,
        costUsd: undefined
      })
    }
  }

  for (let now = 0; now < seconds * 1000; now += (-Math.log(1 - arrivals()) * 1000) / perSecond) {
    settleUntil(now)
    const picked = picker.pick(RouteRequest.unspecified, always, now, chance)
    const candidate = candidates.find((own) => own === picked)
    if (candidate === undefined) continue
    candidate.inFlight++
    const served = candidate.model.serve(service, now)
    const endsAt = now + served.ms
    // Latest end first, so that the next to end is the last.
    const after = running.findIndex((other) => other.endsAt < endsAt)
    running.splice(after === -1 ? running.length : after, 0, { candidate, endsAt, served })
    if (now < countFrom * 1000) continue
    total++
    counts.set(candidate.target.id, (counts.get(candidate.target.id) ?? 0) + 1)
  }
  return Object.fromEntries(candidates.map(({ target }) => [target.id, (counts.get(target.id) ?? 0) / total]))
}

/** Lognormal service time of this median, in milliseconds; sigma 0.5 puts 95 % below 2.3 medians. */
export const lognormal = (rng: Rng, median: Millis, sigma = 0.5): Millis =>
  median * Math.exp(sigma * Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng()))
