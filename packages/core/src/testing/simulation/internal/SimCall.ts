/** One simulated call: what it is, drawn from its own luck, and what came of it. */
import type * as Fiber from "effect/Fiber"
import type { DecisionRecord } from "../../../model/Decision.ts"
import type { Millis } from "../../../model/Gate.ts"
import type { CallObserver } from "../../../model/Telemetry.ts"
import type { Call } from "../Contender.ts"
import type { CallTally } from "./CallTally.ts"
import { draws, uniform } from "./Chance.ts"
import type { Traffic } from "./Traffic.ts"

/** Where a call comes from. */
export interface Origin {
  readonly index: number
  readonly slot: number
  readonly seed: number
  readonly ended: ((now: Millis) => void) | undefined
}

export class SimCall implements Call, CallObserver {
  readonly traffic: Traffic
  readonly index: number
  /** Who calls, in a closed loop, else as `index`: calls of one slot meet the same router. */
  readonly slot: number
  readonly seed: number
  readonly startedAt: Millis
  readonly counted: boolean
  readonly streamed: boolean
  readonly inputTokens: number
  readonly outputTokens: number
  readonly tenant: string | undefined
  readonly cacheKey: string | undefined
  readonly affinityKey: string | undefined
  /** Ends the wait of whoever called, in a closed loop. */
  readonly ended: ((now: Millis) => void) | undefined
  firstContentAt: Millis = -1
  /** Runs until it ends. */
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** The provider that was asked first, and how often each was, where it was more than once. */
  #first = -1
  #asked: Array<number> | undefined = undefined

  constructor(traffic: Traffic, { ended, index, seed, slot }: Origin, now: Millis, counted: boolean) {
    this.traffic = traffic
    this.index = index
    this.slot = slot
    this.seed = seed
    this.startedAt = now
    this.counted = counted
    this.ended = ended
    const { streamed } = traffic
    this.streamed = streamed === 1 || (streamed > 0 && uniform(seed, draws.streamed) < streamed)
    this.inputTokens = traffic.input === undefined ? 0 : Math.round(traffic.input(uniform(seed, draws.input)))
    this.outputTokens = traffic.output === undefined ? 0 : Math.round(traffic.output(uniform(seed, draws.output)))
    this.tenant = traffic.tenantOf?.(uniform(seed, draws.tenant))
    this.cacheKey = keyOf(traffic.cacheKeys?.(uniform(seed, draws.cacheKey)))
    this.affinityKey = keyOf(traffic.affinityKeys?.(uniform(seed, draws.affinityKey)))
  }

  get class(): string {
    return this.traffic.name
  }
  get region(): string | undefined {
    return this.traffic.region
  }
  get deadlineMs(): Millis {
    return this.traffic.deadlineMs
  }
  get tally(): CallTally {
    return this.traffic.tally
  }
  /** Epoch milliseconds of time 0. */
  get startsAt(): number {
    return this.traffic.startsAt
  }

  /** How often this call has asked `provider` before. */
  asks(provider: number): number {
    if (this.#first < 0) {
      this.#first = provider
      return 0
    }
    this.#asked ??= [this.#first]
    let before = 0
    for (const asked of this.#asked) if (asked === provider) before++
    this.#asked.push(provider)
    return before
  }

  /** The router's record. */
  end(record: DecisionRecord): void {
    if (this.counted) this.tally.recorded(record)
  }

  attempt(): undefined {
    return undefined
  }
}

const keyOf = (key: number | undefined): string | undefined => (key === undefined ? undefined : `key ${key}`)
