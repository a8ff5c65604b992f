/** The combinators: which behaviour is whose turn. Documented at `Behaviour`. */
import { InvalidOption, integer, share } from "@spillway/core/InvalidOption"
import type * as Duration from "effect/Duration"
import { answer } from "./Answers.ts"
import { rateLimited } from "./Faults.ts"
import { millis } from "./Options.ts"
import type { Behaviour, FakeRequest } from "./Reaction.ts"

/** The first request gets the first, the second the second; the last one stays. At least one. */
export const sequence = (behaviours: ReadonlyArray<Behaviour>): Behaviour =>
  nth("sequence", behaviours, (n) => Math.min(n, behaviours.length - 1))

/** One after the other, and again from the first. At least one. */
export const cycle = (behaviours: ReadonlyArray<Behaviour>): Behaviour =>
  nth("cycle", behaviours, (n) => n % behaviours.length)

const nth = (name: string, behaviours: ReadonlyArray<Behaviour>, position: (n: number) => number): Behaviour => {
  if (behaviours.length === 0) {
    throw new InvalidOption(`Behaviour.${name}: behaviours`, "a list of at least one behaviour", behaviours)
  }
  const list = [...behaviours]
  return choose((_request, n) => list[position(n)] ?? answer())
}

/**
 * Your own rule: asked once per request. `n` counts from 0 the requests that reached this behaviour, `rng` is the
 * request's own seeded chance. Return the same value again where its state (a `sequence`, a limit) is to go on.
 */
export const choose = (pick: (request: FakeRequest, n: number, rng: () => number) => Behaviour): Behaviour => ({
  start: (start) => {
    let n = 0
    return (request, turn) => start(pick(request, n++, turn.rng))(request, turn)
  }
})

/** `fault` with probability `probability` (share in [0, 1]), else `otherwise`. */
export const withProbability = (probability: number, fault: Behaviour, otherwise: Behaviour = answer()): Behaviour => {
  share("Behaviour.withProbability: probability", probability)
  return choose((_request, _n, rng) => (rng() < probability ? fault : otherwise))
}

/** `streamed` for requests with `stream: true`, `whole` for the others. */
export const whenStreamed = (streamed: Behaviour, whole: Behaviour): Behaviour =>
  choose((request) => (request.streamed ? streamed : whole))

/** `fault` for requests that arrive in a window: `from` <= time since the server started < `to`. */
export const outages = (
  windows: ReadonlyArray<{ readonly from: Duration.Input; readonly to: Duration.Input }>,
  fault: Behaviour,
  otherwise: Behaviour = answer()
): Behaviour => {
  const spans = windows.map(({ from, to }, i) => {
    const start = millis(`Behaviour.outages: windows[${i}].from`, from)
    return { from: start, to: millis(`Behaviour.outages: windows[${i}].to`, to) }
  })
  return choose((request) => (within(spans, request.at) ? fault : otherwise))
}

/** The same by number: `from` <= n < `to`, where n counts from 0 the requests that reached this behaviour. */
export const outagesByRequest = (
  windows: ReadonlyArray<{ readonly from: number; readonly to: number }>,
  fault: Behaviour,
  otherwise: Behaviour = answer()
): Behaviour => {
  windows.forEach(({ from, to }, i) => {
    integer(`Behaviour.outagesByRequest: windows[${i}].from`, from, 0)
    integer(`Behaviour.outagesByRequest: windows[${i}].to`, to, 0)
  })
  return choose((_request, n) => (within(windows, n) ? fault : otherwise))
}

const within = (windows: ReadonlyArray<{ readonly from: number; readonly to: number }>, value: number) =>
  windows.some(({ from, to }) => from <= value && value < to)

/** After every `every` requests the next `of` get the fault: with 10 and 2 those numbered 10, 11, 20, 21, 30, … from 0. */
export const bursts = (options: {
  /** Integer >= 1. */
  readonly every: number
  /** Integer from 1 to `every`. */
  readonly of: number
  readonly fault: Behaviour
  readonly otherwise?: Behaviour
}): Behaviour => {
  const every = integer("Behaviour.bursts: every", options.every)
  const of = integer("Behaviour.bursts: of", options.of)
  if (of > every) throw new InvalidOption("Behaviour.bursts: of", `an integer from 1 to every (${every})`, of)
  const otherwise = options.otherwise ?? answer()
  return choose((_request, n) => (n >= every && n % every < of ? options.fault : otherwise))
}

/**
 * At most `limit` requests (integer >= 1) at once, each until just before its last bytes; one more gets `excess`, default
 * a 429 without a hint. The same value under two models counts for each on its own: see `accountConcurrency`.
 */
export const concurrency = (
  limit: number,
  inner: Behaviour = answer(),
  excess: Behaviour = rateLimited()
): Behaviour => {
  integer("Behaviour.concurrency: limit", limit)
  return {
    start: (start) => {
      let running = 0
      const react = start(inner)
      const refuse = start(excess)
      return (request, turn) => {
        if (running >= limit) return refuse(request, turn)
        running++
        turn.whenDone(() => {
          running--
        })
        return react(request, turn)
      }
    }
  }
}
