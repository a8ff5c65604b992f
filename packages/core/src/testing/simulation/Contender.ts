/**
 * Who deals with the simulated calls. Each contender is given the same calls and the same luck.
 *
 * Use `router` for the real router, made anew for each run; `plain` for a client without any knowledge of health, as SDKs
 * bring one; `custom` for anything else. Contenders hold code (strategies, layers), so they are no data.
 */
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Price } from "../../model/Price.ts"
import type { Strategy } from "../../model/Strategy.ts"
import type { TargetSpec } from "../../model/Target.ts"
import type * as Timeouts from "../../policies/Timeouts.ts"
import type * as Defaults from "../../router/Defaults.ts"
import type { DurationText } from "./Scenario.ts"

export type Contender = Router | Plain | Custom

/** A target of the contender: all that the application would write down, and the provider of the scenario behind it. */
export interface Target extends Omit<TargetSpec, "client"> {
  /** A key of `Scenario.providers`. Default: the target's id. `region` is by default that provider's. */
  readonly provider?: string
}

/** Where a router stands. */
export interface Place {
  /** Of the callers it serves; `undefined` unless `perRegion`. */
  readonly region: string | undefined
  /** 0 up to `instances` - 1. */
  readonly instance: number
}

/** `Router.make` with all that is around it. */
export interface RouterOptions {
  readonly name?: string
  /** As `Router.make` takes them. */
  readonly targets: ReadonlyArray<Target>
  readonly tiers?: ReadonlyArray<ReadonlyArray<string>>
  readonly timeouts?: Timeouts.Options
  /** The one thing an application says. A function makes one for each place. */
  readonly strategy: Strategy<string> | ((place: Place) => Strategy<string>)
  /** As `Defaults.make` takes them; left out: its defaults. */
  readonly defaults?: Defaults.Options
  /**
   * Stands after `defaults` and the strategy, and so counts before them: `Gates.layer({ ... })`, `Shedding.layer(...)`. Built
   * for each router.
   */
  readonly layer?: Layer.Layer<never>
  /** Routers that share the calls and know nothing of each other, as processes do. Integer >= 1, default 1. */
  readonly instances?: number
  /** What becomes of a stream that breaks in its middle: it fails, or begins anew elsewhere. Default `fail`. */
  readonly onBreak?: "fail" | "restart"
  /** A router (or `instances` of them) for each region that has callers. Default false. */
  readonly perRegion?: boolean
}

export interface Router extends RouterOptions {
  readonly _tag: "Router"
  readonly name: string
}

/** A client that knows targets and retries, and nothing else. */
export interface PlainOptions {
  readonly name?: string
  /** At least one. */
  readonly targets: ReadonlyArray<PlainTarget>
  /**
   * `first`: always the first target; `weighted`: by chance, in proportion to the weights; `roundRobin`: in turn, weights do
   * not count. Default `first`.
   */
  readonly pick?: "first" | "weighted" | "roundRobin"
  /** Default: two retries as most SDKs make them. */
  readonly retry?: PlainRetry
  /** Bound on each attempt. > 0, default 10 minutes. */
  readonly timeout?: DurationText
  /** Whether the caller gives up at the deadline of its class. Default true. */
  readonly keepsDeadline?: boolean
}

export interface PlainTarget {
  readonly id: string
  /** A key of `Scenario.providers`. Default: `id`. */
  readonly provider?: string
  /** > 0, default 1. */
  readonly weight?: number
  readonly price?: Price
}

/** Tried again are 408, 409, 429, 5xx, connections that were cut, and time-outs. */
export interface PlainRetry {
  /** After the first attempt. Integer >= 0, default 2. */
  readonly retries?: number
  /** The first wait. > 0, default 500 ms. */
  readonly base?: DurationText
  /** Of each further wait. >= 1, default 2. */
  readonly factor?: number
  /** The longest wait. > 0, default 8 seconds. */
  readonly longest?: DurationText
  /** How much of the wait is chance: 0.25 takes off up to a quarter, 1 is full jitter, 0 none. In [0, 1], default 0.25. */
  readonly jitter?: number
  /** Waits as long as a Retry-After says, up to one minute. Default true. */
  readonly retryAfter?: boolean
  /** Whether a retry may go to another target, by `pick`; else it stays. Default true. */
  readonly repick?: boolean
}

export interface Plain extends PlainOptions {
  readonly _tag: "Plain"
  readonly name: string
}

/** Code of your own between callers and providers. */
export interface CustomOptions {
  readonly name?: string
  /** Those that it asks. At least one. */
  readonly targets: ReadonlyArray<PlainTarget>
  /** Made once per run; what it forks runs in simulated time. */
  readonly make: (world: World) => Effect.Effect<(call: Call) => Effect.Effect<unknown, unknown>, never, Scope.Scope>
}

export interface Custom extends CustomOptions {
  readonly _tag: "Custom"
  readonly name: string
}

/** What a contender of your own can do. */
export interface World {
  /**
   * Sends `call` to a target; succeeds when the whole answer is there, fails with `ProviderError`. Interrupting it gives the
   * attempt up. Throws for a target that is not one of the contender's.
   */
  readonly ask: (call: Call, target: string) => Effect.Effect<string, unknown>
}

/** A call as its caller knows it. */
export interface Call {
  /** From 0, in the order of the class. */
  readonly index: number
  readonly class: string
  readonly streamed: boolean
  readonly tenant: string | undefined
  readonly region: string | undefined
  readonly deadlineMs: number
  readonly inputTokens: number
  readonly cacheKey: string | undefined
  readonly affinityKey: string | undefined
}

/** The real router. `name` is by default that of the strategy, or `router`. */
export const router = (options: RouterOptions): Router => ({
  ...options,
  _tag: "Router",
  name: options.name ?? (typeof options.strategy === "function" ? "router" : options.strategy.name)
})

/** A client as SDKs bring one. `name` is by default `plain`. */
export const plain = (options: PlainOptions): Plain => ({ ...options, _tag: "Plain", name: options.name ?? "plain" })

/** Your own. `name` is by default `custom`. */
export const custom = (options: CustomOptions): Custom => ({
  ...options,
  _tag: "Custom",
  name: options.name ?? "custom"
})
