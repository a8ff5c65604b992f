/** A checked class of traffic. */
import * as Constraints from "../../../model/Constraints.ts"
import type { Priority } from "../../../model/Cost.ts"
import type { Millis } from "../../../model/Gate.ts"
import { InvalidOption, integer, onlyKeys, share } from "../../../model/InvalidOption.ts"
import type { TrafficClass } from "../Scenario.ts"
import { CallTally } from "./CallTally.ts"
import { compile, type Quantile, weighted, zipf } from "./Distribution.ts"
import { millis, name, object, oneOf } from "./options.ts"

const keys: ReadonlySet<string> = new Set([
  ...(["name", "arrivals", "priority", "deadline", "streamed", "tokens", "tenants", "region"] as const),
  ...(["cacheKeys", "affinityKeys", "tags", "needs", "idempotent"] as const)
] satisfies ReadonlyArray<keyof TrafficClass>)

export class Traffic {
  readonly spec: TrafficClass
  readonly name: string
  readonly seed: number
  readonly startsAt: number
  readonly priority: Priority
  readonly deadlineMs: Millis
  /** Share of the calls. */
  readonly streamed: number
  readonly region: string | undefined
  readonly input: Quantile | undefined
  readonly output: Quantile | undefined
  readonly told: "typical" | "exact" | "none"
  readonly medianOutput: number
  readonly tenantOf: ((u: number) => string) | undefined
  readonly cacheKeys: Quantile | undefined
  readonly affinityKeys: Quantile | undefined
  readonly tally = new CallTally()

  /** Throws `InvalidOption`. */
  constructor(where: string, spec: TrafficClass, seed: number, startsAt: number) {
    onlyKeys(where, object(where, spec), keys)
    this.spec = spec
    this.name = name(`${where}.name`, spec.name)
    this.seed = seed
    this.startsAt = startsAt
    this.priority = oneOf(`${where}.priority`, spec.priority ?? "P1", ["P0", "P1", "P2", "P3"])
    this.deadlineMs = millis(`${where}.deadline`, spec.deadline ?? "5 minutes")
    this.streamed = share(`${where}.streamed`, Number(spec.streamed ?? 0))
    this.region = spec.region === undefined ? undefined : name(`${where}.region`, spec.region)
    const { tokens } = spec
    if (tokens !== undefined) onlyKeys(`${where}.tokens`, object(`${where}.tokens`, tokens), tokenKeys)
    this.input = tokens === undefined ? undefined : compile(`${where}.tokens.input`, tokens.input)
    this.output = tokens === undefined ? undefined : compile(`${where}.tokens.output`, tokens.output)
    this.told = oneOf(`${where}.tokens.told`, tokens?.told ?? "typical", ["typical", "exact", "none"])
    this.medianOutput = Math.round(this.output?.(0.5) ?? 0)
    this.tenantOf = spec.tenants === undefined ? undefined : tenants(`${where}.tenants`, spec.tenants)
    this.cacheKeys = spec.cacheKeys === undefined ? undefined : zipf(`${where}.cacheKeys`, spec.cacheKeys)
    this.affinityKeys = spec.affinityKeys === undefined ? undefined : zipf(`${where}.affinityKeys`, spec.affinityKeys)
    if (spec.needs !== undefined) Constraints.check(`${where}.needs`, spec.needs)
    if (spec.idempotent !== undefined && typeof spec.idempotent !== "boolean") {
      throw new InvalidOption(`${where}.idempotent`, "true or false", spec.idempotent)
    }
  }
}

const tokenKeys: ReadonlySet<string> = new Set(["input", "output", "told"])

const tenants = (where: string, spec: NonNullable<TrafficClass["tenants"]>): ((u: number) => string) => {
  if (typeof spec === "number") {
    const n = integer(where, spec)
    return (u) => `tenant ${Math.floor(u * n)}`
  }
  const names = Object.keys(object(where, spec))
  if (names.length === 0) throw new InvalidOption(where, "an integer >= 1, or weights by name", spec)
  const index = weighted(where, (i) => spec[names[i] ?? ""] ?? 0, names.length)
  return (u) => names[index(u)] ?? ""
}
