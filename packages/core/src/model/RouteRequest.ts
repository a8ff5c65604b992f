/**
 * What a decision may see of a call: facts derived from it, never the prompt or the answer.
 */
import * as Duration from "effect/Duration"
import * as Constraints from "./Constraints.ts"
import type { Cost, Priority } from "./Cost.ts"
import { InvalidOption, integer, onlyKeys } from "./InvalidOption.ts"
import type { PromptPrefix } from "./PromptPrefix.ts"

/** What an application may say about a call. All of it is optional. `Id` are the targets it may name. */
export interface Options<Id extends string = string> {
  /** Who is served first while calls wait, and who is shed last. Default `"P1"`. */
  readonly priority?: Priority | undefined
  /** Bound on the whole call: waiting, every attempt, back-off, and for a stream its last part. > 0, default 5 minutes. */
  readonly deadline?: Duration.Input | undefined
  /** Tenants take turns in the queue, and never share cached answers. */
  readonly tenant?: string | undefined
  /** Calls with the same key like the same target: a conversation, a user. For `Affinity` and the like. */
  readonly affinityKey?: string | undefined
  /** Tokens, which gates see as the call's cost. Default: a routed model estimates them where a gate asks; else 0 / 0, unknown. */
  readonly estimatedTokens?: { readonly input: number; readonly output: number } | undefined
  readonly needs?: Constraints.Constraints<Id> | undefined
  /**
   * How the prompt begins, as hashes of its blocks (`PromptPrefix.of`): targets that have seen the same beginning answer it
   * sooner and cheaper. For `PrefixCache`. Default: a routed model makes it from the prompt where a strategy asks; else none.
   */
  readonly promptPrefix?: PromptPrefix | undefined
  /** False: never sent a second time once an attempt has begun. Default true. */
  readonly idempotent?: boolean | undefined
  /**
   * Names the answer: calls with the same key (and tenant) may be answered from the cache, and share one run while it is
   * under way. It must stand for everything the answer depends on, the type of the answer included. Default: not cached.
   */
  readonly cacheKey?: string | undefined
  /**
   * Cap on the tokens of the answer, for the call to pass on (`attempt.request.maxOutputTokens`); `RoutedModel` does.
   * Integer >= 1. Default: the model's own. A rung of a ladder may lower it.
   */
  readonly maxOutputTokens?: number | undefined
  /** For constraints, strategies and gates of your own. */
  readonly tags?: Readonly<Record<string, string>> | undefined
}

export interface RouteRequest {
  readonly [TypeId]: typeof TypeId
  readonly priority: Priority
  /** Milliseconds from the moment the call enters the router. */
  readonly deadlineMs: number
  readonly tenant: string | undefined
  readonly affinityKey: string | undefined
  readonly cost: Cost
  /** `undefined`: no constraint, every target qualifies. */
  readonly needs: Constraints.Constraints | undefined
  /** Made when first asked for. */
  readonly promptPrefix: PromptPrefix | undefined
  readonly idempotent: boolean
  readonly cacheKey: string | undefined
  readonly maxOutputTokens: number | undefined
  readonly tags: Readonly<Record<string, string>>
  /**
   * False: somebody else answers when the targets cannot (a ladder, a stale entry), so a call does not wait for targets that
   * are all closed for long.
   */
  readonly patient: boolean
  /** The rung of a ladder that asks; `undefined` for what an application asked itself. */
  readonly rung: string | undefined
}

/** Those of `Options`, and those that stand beside them in one object: of streams, Promises and the hand-off. */
const optionKeys: ReadonlySet<string> = new Set([
  ...[
    "priority",
    "deadline",
    "tenant",
    "affinityKey",
    "estimatedTokens",
    "needs",
    "idempotent",
    "cacheKey",
    "promptPrefix"
  ],
  ...["maxOutputTokens", "tags", "isContent", "isEnd", "isIrrevocable", "onBreak", "signal", "after", "expected"]
])

const TypeId = "~@spillway/core/RouteRequest"
const noTags: Readonly<Record<string, string>> = {}
const priorities: ReadonlySet<string> = new Set(["P0", "P1", "P2", "P3"])

/**
 * Checks and completes what an application said. Make it once where many calls share it; the router takes either form.
 * Throws `InvalidOption`.
 */
export const make = (options: Options = {}): RouteRequest => {
  const where = "RouteRequest"
  if (typeof options !== "object" || options === null) throw new InvalidOption(where, "an object", options)
  if (options.idempotent !== undefined && typeof options.idempotent !== "boolean") {
    throw new InvalidOption(`${where}: idempotent`, "true or false", options.idempotent)
  }
  onlyKeys(where, options, optionKeys)
  if (options.needs !== undefined) Constraints.check(`${where}: needs`, options.needs)
  for (const name of ["cacheKey", "tenant", "affinityKey"] as const) {
    const value = options[name]
    if (value !== undefined && typeof value !== "string") throw new InvalidOption(`${where}: ${name}`, "a text", value)
  }
  if (options.promptPrefix !== undefined && typeof options.promptPrefix?.blocks !== "function") {
    throw new InvalidOption(`${where}: promptPrefix`, "what PromptPrefix.of returns", options.promptPrefix)
  }
  if (options.priority !== undefined && !priorities.has(options.priority)) {
    throw new InvalidOption(`${where}: priority`, `one of "P0", "P1", "P2", "P3"`, options.priority)
  }
  const tokens = options.estimatedTokens
  if (tokens !== undefined) {
    integer(`${where}: estimatedTokens.input`, tokens.input, 0)
    integer(`${where}: estimatedTokens.output`, tokens.output, 0)
  }
  return {
    [TypeId]: TypeId,
    priority: options.priority ?? "P1",
    deadlineMs: options.deadline === undefined ? 300_000 : positiveMillis(`${where}: deadline`, options.deadline),
    tenant: options.tenant,
    affinityKey: options.affinityKey,
    cost: {
      requests: 1,
      tokens: tokens === undefined ? 0 : tokens.input + tokens.output,
      outputTokens: tokens?.output ?? 0,
      priority: options.priority ?? "P1",
      reason: "primary"
    },
    needs: options.needs === undefined ? undefined : Constraints.copy(options.needs),
    promptPrefix: options.promptPrefix,
    idempotent: options.idempotent ?? true,
    cacheKey: options.cacheKey,
    maxOutputTokens:
      options.maxOutputTokens === undefined ? undefined : integer(`${where}: maxOutputTokens`, options.maxOutputTokens),
    tags: options.tags ?? noTags,
    patient: true,
    rung: undefined
  }
}

/** A call about which nothing was said. */
export const unspecified: RouteRequest = make()

/** What the router is given, in its complete form. */
export const from = (request: RouteRequest | Options | undefined): RouteRequest =>
  request === undefined ? unspecified : isComplete(request) ? request : make(request)

const isComplete = (request: RouteRequest | Options): request is RouteRequest =>
  typeof request === "object" && request !== null && TypeId in request

/** Milliseconds of a duration that must be > 0 (`"Infinity"` is). Throws `InvalidOption`. */
export const positiveMillis = (option: string, input: Duration.Input): number => {
  const duration = Duration.fromInput(input)
  const millis = duration._tag === "Some" ? Duration.toMillis(duration.value) : Number.NaN
  if (millis > 0) return millis
  throw new InvalidOption(option, `a duration > 0, such as "30 seconds" or 1500 (milliseconds)`, input)
}
