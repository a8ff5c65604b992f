/**
 * A target is one deployment: provider + model + account or region. It is what a strategy picks and what gates protect.
 * `C` is what a call is handed when the target is picked, e.g. a `ProviderModel`, an SDK client, a URL.
 */
import { InvalidOption, integer, positive } from "./InvalidOption.ts"
import * as Price from "./Price.ts"

/** What a target's model can do. A request that needs one of these is never sent to a target without it. */
export type Capability = "tools" | "vision" | "json-schema" | "prefill" | "reasoning" | "embeddings" | "streaming"

/** Limits of the account behind the target. What is left out is not limited here. */
export interface Limits {
  /** Attempts in flight at once, streams until their last part. Integer >= 1. */
  readonly maxInFlight?: number
  /** Requests per minute, > 0. */
  readonly requestsPerMinute?: number
  /** Requests that may come at once before `requestsPerMinute` spaces them. Integer >= 1; default: 1 s of the rate. */
  readonly burst?: number
  /** Requests in any 24 hours. Integer >= 1. */
  readonly requestsPerDay?: number
  /** Tokens per minute, input and output together: reserved by `estimatedTokens`, settled by what was used. Integer >= 1. */
  readonly tokensPerMinute?: number
  /** Tokens in any 24 hours. Integer >= 1. */
  readonly tokensPerDay?: number
  /** Input tokens per minute. Integer >= 1. */
  readonly inputTokensPerMinute?: number
  /** Output tokens per minute. Integer >= 1. */
  readonly outputTokensPerMinute?: number
  /** USD in any 24 hours, > 0; needs a price, from `price` or from `Pricing`. */
  readonly usdPerDay?: number
  /** USD in any 30 days, > 0; needs a price, from `price` or from `Pricing`. */
  readonly usdPerMonth?: number
}

/** What an application writes down for one target. */
export interface TargetSpec<Id extends string = string, C = unknown> {
  /** Unique in its router. Shows in records, spans and errors. */
  readonly id: Id
  /** What a call is handed when this target is picked. */
  readonly client: C
  /** Share of the traffic relative to the other targets of its tier: > 0, default 1. */
  readonly weight?: number
  /** Vendor name for people and telemetry. Default: the client's own `provider`, else the id. */
  readonly provider?: string
  /** Model name for people and telemetry. Default: the client's own `model`, else the id. */
  readonly model?: string
  /** Where it computes and keeps data, e.g. `"eu-west"`: for `needs.regions` and `NearestRegion`. */
  readonly region?: string
  /** It promises to keep nothing of prompt and answer. Default false: nothing is known to be promised. */
  readonly zeroRetention?: boolean
  /** For constraints (`needs.allow`) and strategies of your own. */
  readonly tags?: Readonly<Record<string, string>>
  /** Default: the client's own `capabilities`, else none are claimed and requests that need one go elsewhere. */
  readonly capabilities?: Iterable<Capability>
  /** Tokens, input and output together. */
  readonly contextWindow?: number
  /** For the cost in records, limits of money, strategies of your own. Default: what `Pricing` knows, else unknown, never 0. */
  readonly price?: Price.Price
  readonly limits?: Limits
  /** The account behind the target, where several share one: its limits stand in `Gates.Options.accounts`. */
  readonly account?: string
}

/** A target of a running router: its spec with every default filled in, and its tier. */
export interface Target<out Id extends string = string, out C = unknown> {
  readonly id: Id
  readonly client: C
  readonly weight: number
  readonly provider: string
  readonly model: string
  /** 0 is asked first; a higher tier only answers when no target below can, and its answers are `degraded`. */
  readonly tier: number
  readonly region: string | undefined
  readonly zeroRetention: boolean
  readonly tags: Readonly<Record<string, string>>
  readonly capabilities: ReadonlySet<Capability>
  readonly contextWindow: number | undefined
  readonly price: Price.Price | undefined
  readonly limits: Limits
  readonly account: string | undefined
}

/** The literal ids of a list of specs. */
export type IdOf<Specs extends ReadonlyArray<TargetSpec>> = Specs[number]["id"]

/** The clients of a list of specs. */
export type ClientOf<Specs extends ReadonlyArray<TargetSpec>> = Specs[number]["client"]

/**
 * Checks a whole set at once and fills in defaults. `tiers` names every target exactly once, best tier first; without it
 * all targets are in tier 0. Throws `InvalidOption`: empty list, duplicate id, weight <= 0, a tier that is empty, names
 * nothing or names a target twice, a target that is in no tier, a limit of money without a price. `priceOf` is asked for
 * the price of a target that names none.
 */
export const resolve = <Id extends string, C>(
  where: string,
  specs: ReadonlyArray<TargetSpec<Id, C>>,
  tiers: ReadonlyArray<ReadonlyArray<NoInfer<Id>>> | undefined,
  priceOf: (target: Target<Id, C>) => Price.Price | undefined = () => undefined
): ReadonlyArray<Target<Id, C>> => {
  if (!Array.isArray(specs) || specs.length === 0) {
    throw new InvalidOption(`${where}: targets`, "a list of at least one target", specs)
  }
  const ids = new Set<string>()
  specs.forEach((spec, i) => {
    if (typeof spec !== "object" || spec === null) {
      throw new InvalidOption(`${where}: targets[${i}]`, "an object with an id and a client", spec)
    }
    for (const key of Object.keys(spec)) {
      if (!known.has(key)) throw new InvalidOption(`${where}: targets[${i}]`, `made of ${[...known].join(", ")}`, key)
    }
    const at = `${where}: targets[${i}].id`
    if (typeof spec.id !== "string" || spec.id.length === 0) throw new InvalidOption(at, "a non-empty string", spec.id)
    if (ids.has(spec.id)) throw new InvalidOption(at, "unique among the targets", spec.id)
    ids.add(spec.id)
  })
  const tierOf = tiers === undefined ? undefined : resolveTiers(where, ids, tiers)
  return specs.map((spec, i) => fill(`${where}: targets[${i}]`, spec, tierOf?.get(spec.id) ?? 0, priceOf))
}

/** The keys of `TargetSpec`: a misspelt one would be ignored in silence. */
const known: ReadonlySet<string> = new Set([
  "id",
  "client",
  "weight",
  "provider",
  "model",
  "region",
  "zeroRetention",
  "tags",
  "capabilities",
  "contextWindow",
  "price",
  "limits",
  "account"
] satisfies ReadonlyArray<keyof TargetSpec>)

const resolveTiers = (where: string, ids: ReadonlySet<string>, tiers: ReadonlyArray<ReadonlyArray<string>>) => {
  const tierOf = new Map<string, number>()
  const known = `one of ${[...ids].map((id) => JSON.stringify(id)).join(", ")}`
  if (!Array.isArray(tiers) || !tiers.every(Array.isArray)) {
    throw new InvalidOption(`${where}: tiers`, `a list of lists of target ids, such as [["a", "b"], ["c"]]`, tiers)
  }
  if (tiers.length === 0) throw new InvalidOption(`${where}: tiers`, "a list of at least one tier", tiers)
  tiers.forEach((tier, t) => {
    if (tier.length === 0) throw new InvalidOption(`${where}: tiers[${t}]`, "a list of at least one target id", tier)
    tier.forEach((id, i) => {
      const at = `${where}: tiers[${t}][${i}]`
      if (!ids.has(id)) throw new InvalidOption(at, known, id)
      if (tierOf.has(id)) throw new InvalidOption(at, `named once (it is already in tiers[${tierOf.get(id)}])`, id)
      tierOf.set(id, t)
    })
  })
  for (const id of ids) {
    if (!tierOf.has(id))
      throw new InvalidOption(
        `${where}: tiers`,
        "a list that names every target",
        tiers,
        `${JSON.stringify(id)} is in no tier`
      )
  }
  return tierOf
}

const fill = <Id extends string, C>(
  where: string,
  spec: TargetSpec<Id, C>,
  tier: number,
  priceOf: (target: Target<Id, C>) => Price.Price | undefined
): Target<Id, C> => {
  const limits = spec.limits ?? {}
  if (limits.maxInFlight !== undefined) integer(`${where}.limits.maxInFlight`, limits.maxInFlight)
  if (limits.requestsPerMinute !== undefined) positive(`${where}.limits.requestsPerMinute`, limits.requestsPerMinute)
  if (limits.burst !== undefined) integer(`${where}.limits.burst`, limits.burst)
  if (spec.price !== undefined) Price.check(`${where}.price`, spec.price)
  if (typeof spec.capabilities === "string") {
    throw new InvalidOption(`${where}.capabilities`, `a list, such as ["tools"]`, spec.capabilities)
  }
  if (spec.zeroRetention !== undefined && typeof spec.zeroRetention !== "boolean") {
    throw new InvalidOption(`${where}.zeroRetention`, "true or false", spec.zeroRetention)
  }
  if (spec.contextWindow !== undefined) positive(`${where}.contextWindow`, spec.contextWindow)
  const own = (typeof spec.client === "object" && spec.client !== null ? spec.client : {}) as {
    readonly provider?: unknown
    readonly model?: unknown
    readonly capabilities?: unknown
  }
  const target: Target<Id, C> = {
    id: spec.id,
    client: spec.client,
    weight: spec.weight === undefined ? 1 : positive(`${where}.weight`, spec.weight),
    provider: spec.provider ?? (typeof own.provider === "string" ? own.provider : spec.id),
    model: spec.model ?? (typeof own.model === "string" ? own.model : spec.id),
    tier,
    region: spec.region,
    zeroRetention: spec.zeroRetention === true,
    tags: spec.tags ?? {},
    capabilities: new Set(spec.capabilities ?? (own.capabilities instanceof Set ? own.capabilities : [])),
    contextWindow: spec.contextWindow,
    price: spec.price,
    limits,
    account: spec.account
  }
  const price = spec.price ?? priceOf(target)
  for (const name of ["usdPerDay", "usdPerMonth"] as const) {
    if (limits[name] !== undefined && price === undefined) {
      throw new InvalidOption(`${where}.price`, `given where limits.${name} is`, price)
    }
  }
  return price === spec.price ? target : { ...target, price: Price.check(`${where}.price`, price as Price.Price) }
}
