/** What is wrong with one provider now: follows its events as they begin and end. */
import type { Millis } from "../../../model/Gate.ts"
import { InvalidOption, onlyKeys, positive, share } from "../../../model/InvalidOption.ts"
import type { BrownOut, CapacityChange, Flap, Outage, ProviderEvent, SlowStart } from "../Scenario.ts"
import { compile, type Quantile } from "./Distribution.ts"
import { atLeast, httpError, millis, object, oneOf } from "./options.ts"

/** How attempts end while it is down. */
export interface Down {
  readonly silent: boolean
  readonly status: number
  readonly after: Quantile
  /** Attempts under way at its beginning end too. */
  readonly cuts: boolean
}

export interface Brown {
  readonly latencyFactor: number
  readonly errorRate: number
  readonly status: number
  readonly after: Quantile
}

interface Slow {
  readonly from: Millis
  readonly lasting: Millis
  readonly factor: number
}

/** Told what the provider has to do at once. */
export interface Affected {
  readonly wentDown: (down: Down, now: Millis) => void
  readonly capacityIs: (factor: number, now: Millis) => void
}

type At = (time: Millis, run: (now: Millis) => void) => void

export class Faults {
  readonly #downs: Array<Down> = []
  readonly #browns: Array<Brown> = []
  readonly #capacities: Array<number> = []
  #slow: Slow | undefined = undefined

  get down(): Down | undefined {
    return this.#downs.at(-1)
  }

  get browns(): ReadonlyArray<Brown> {
    return this.#browns
  }

  latencyFactor(now: Millis): number {
    let factor = 1
    for (const brown of this.#browns) factor *= brown.latencyFactor
    const slow = this.#slow
    if (slow === undefined) return factor
    const passed = (now - slow.from) / slow.lasting
    if (passed >= 1) this.#slow = undefined
    else factor *= 1 + (slow.factor - 1) * (1 - passed)
    return factor
  }

  /** Puts the events on the timeline. Throws `InvalidOption`. */
  plan(where: string, events: ReadonlyArray<ProviderEvent>, at: At, provider: Affected): void {
    for (const [i, event] of events.entries()) {
      const here = `${where}[${i}]`
      const from = millis(`${here}.from`, object(here, event).from, "zero")
      switch (event.kind) {
        case "outage":
          onlyKeys(here, event, outageKeys)
          this.#outage(downOf(here, event), from, from + millis(`${here}.lasting`, event.lasting), {
            at,
            provider,
            slow: slowOf(here, event.slowStart)
          })
          break
        case "flap":
          onlyKeys(here, event, flapKeys)
          this.#flap(here, event, from, at, provider)
          break
        case "brownOut": {
          onlyKeys(here, event, brownKeys)
          const brown = brownOf(here, event)
          at(from, () => this.#browns.push(brown))
          at(from + millis(`${here}.lasting`, event.lasting), () => remove(this.#browns, brown))
          break
        }
        case "capacity":
          onlyKeys(here, event, capacityKeys)
          this.#capacity(here, event, from, at, provider)
          break
        default:
          throw new InvalidOption(
            `${here}.kind`,
            `one of "outage", "brownOut", "flap", "capacity"`,
            (event as { readonly kind: unknown }).kind
          )
      }
    }
  }

  #outage(
    down: Down,
    from: Millis,
    to: Millis,
    {
      at,
      provider,
      slow
    }: { readonly at: At; readonly provider: Affected; readonly slow: Omit<Slow, "from"> | undefined }
  ): void {
    at(from, (now) => {
      this.#downs.push(down)
      if (down.cuts) provider.wentDown(down, now)
    })
    at(to, (now) => {
      remove(this.#downs, down)
      if (slow !== undefined) this.#slow = { ...slow, from: now }
    })
  }

  #flap(where: string, event: Flap, from: Millis, at: At, provider: Affected): void {
    const to = from + millis(`${where}.lasting`, event.lasting)
    const [lasts, pause] = [millis(`${where}.down`, event.down), millis(`${where}.up`, event.up)]
    const slow = slowOf(where, event.slowStart)
    const down = downOf(where, event)
    // One period plans the next: a flap of milliseconds over a day is not a million events at once.
    const turn = (now: Millis) => {
      this.#outage({ ...down }, now, Math.min(now + lasts, to), { at, provider, slow })
      if (now + lasts + pause < to) at(now + lasts + pause, turn)
    }
    at(from, turn)
  }

  #capacity(where: string, event: CapacityChange, from: Millis, at: At, provider: Affected): void {
    const factor = atLeast(`${where}.factor`, event.factor, 0)
    const tell = (now: Millis) =>
      provider.capacityIs(
        this.#capacities.reduce((product, one) => product * one, 1),
        now
      )
    at(from, (now) => {
      this.#capacities.push(factor)
      tell(now)
    })
    if (event.lasting === undefined) return
    at(from + millis(`${where}.lasting`, event.lasting), (now) => {
      remove(this.#capacities, factor)
      tell(now)
    })
  }
}

const remove = <A>(items: Array<A>, item: A): void => {
  const at = items.indexOf(item)
  if (at >= 0) items.splice(at, 1)
}

const outageKeys: ReadonlySet<string> = new Set([
  ...["kind", "from", "lasting", "how", "status", "after", "underWay", "slowStart"]
])
const flapKeys: ReadonlySet<string> = new Set([...outageKeys, "down", "up"])
const brownKeys: ReadonlySet<string> = new Set([
  ...["kind", "from", "lasting", "latencyFactor", "errorRate", "status", "after"]
])
const capacityKeys: ReadonlySet<string> = new Set(["kind", "from", "lasting", "factor"])

const downOf = (where: string, event: Outage | Flap): Down => ({
  silent: oneOf(`${where}.how`, event.how ?? "errors", ["errors", "silence"]) === "silence",
  status: httpError(`${where}.status`, event.status ?? 503),
  after: compile(`${where}.after`, event.after ?? 5),
  cuts: oneOf(`${where}.underWay`, event.underWay ?? "lost", ["lost", "goOn"]) === "lost"
})

const brownOf = (where: string, event: BrownOut): Brown => ({
  latencyFactor: positive(`${where}.latencyFactor`, event.latencyFactor ?? 1),
  errorRate: share(`${where}.errorRate`, event.errorRate ?? 0),
  status: httpError(`${where}.status`, event.status ?? 503),
  after: compile(`${where}.after`, event.after ?? 20)
})

const slowOf = (where: string, slow: SlowStart | undefined): Omit<Slow, "from"> | undefined => {
  if (slow === undefined) return undefined
  onlyKeys(`${where}.slowStart`, object(`${where}.slowStart`, slow), new Set(["lasting", "factor"]))
  return {
    lasting: millis(`${where}.slowStart.lasting`, slow.lasting),
    factor: atLeast(`${where}.slowStart.factor`, slow.factor, 1)
  }
}
