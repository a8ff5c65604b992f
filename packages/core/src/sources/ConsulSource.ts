/**
 * The targets that a Consul catalogue lists for a service, with Consul's own word on their health.
 *
 * Use it where model servers register with Consul. It holds one blocking query open, so that a change arrives as it happens:
 * the question carries the index of the last answer and comes back when that has changed, or after `wait`. As HashiCorp asks
 * of clients: an index that goes backwards, is missing or not above 0 starts again from 0, answers that come at once are not
 * asked for at once, and failures are tried again later and later, with jitter.
 *
 * When Consul is away, or lists no instance that takes calls, the targets that were there stay, and that is a problem.
 *
 * Source: HashiCorp, Consul HTTP API, "Blocking Queries" and "Health: list service instances".
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { hiddenKind, InvalidOption, onlyKeys } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import { problem, type TargetSource, type TargetUpdate } from "../model/TargetSource.ts"
import { nowOf, rngOf } from "../state/internal/Time.ts"
import * as Health from "./internal/consulHealth.ts"
import * as Described from "./internal/described.ts"

export type { Described } from "./internal/described.ts"

/** What `describe` is told of an instance. */
export interface ConsulInstance {
  /** Unique on its node. */
  readonly id: string
  readonly node: string
  /** The service's own, else its node's. */
  readonly address: string
  readonly port: number
  readonly tags: ReadonlyArray<string>
  readonly meta: Readonly<Record<string, string>>
  readonly datacenter: string | undefined
}

export interface Options<C> {
  /** As registered. */
  readonly service: string
  /** Of an agent. Default `http://127.0.0.1:8500`. */
  readonly url?: string
  /** Sent as `X-Consul-Token`. */
  readonly token?: Redacted.Redacted<string>
  /**
   * The target of an instance: its id has to tell it from the others, on all nodes. Its weight is Consul's, unless one is given
   * here: `Weights.Passing`, or `Weights.Warning` while a check warns. Called again when the instance has changed.
   */
  readonly describe: (instance: ConsulInstance) => Described.Described<C>
  /** Default true. False: instances with a warning take calls as well, by their other weight (0: none). */
  readonly passingOnly?: boolean
  /** Instances have to have all of them. Default none. */
  readonly tags?: ReadonlyArray<string>
  /** An expression of Consul's filter language, e.g. `Service.Meta.model == "llama"`. */
  readonly filter?: string
  readonly datacenter?: string
  readonly namespace?: string
  /** Sorted by the round trip from this node (`_agent`: the one asked). Default: by node and id, so that order is no change. */
  readonly near?: string
  /** `stale`: any server may answer; `consistent`: only after asking the others. Default Consul's own. */
  readonly consistency?: "stale" | "consistent"
  /** How long a query is held open. (0, 10 minutes], default 5 minutes. */
  readonly wait?: Duration.Input
  /** How long an answer may take that is not held open, and how much longer one that is. > 0, default 10 seconds. */
  readonly timeout?: Duration.Input
  /** Between two questions, however fast answers come. > 0, default 1 second; 5 of them when Consul gives no index. */
  readonly minInterval?: Duration.Input
  /** The longest pause after failures; they begin with `minInterval` and double. > 0, default 1 minute. */
  readonly maxPause?: Duration.Input
  /** What no instance means: a `"problem"` (the default: the old targets stay), or an `"empty"` set. */
  readonly onNotFound?: "problem" | "empty"
}

/** A mistake in the options is an `InvalidOption` defect. */
export const make = Effect.fnUntraced(function* <C>(
  options: Options<C>
): Effect.fn.Return<TargetSource<C>, never, HttpClient.HttpClient> {
  const client = yield* HttpClient.HttpClient
  const { maxPauseMs, minMs, question } = resolve(options)
  const name = `Consul ${options.service}`

  const changes = Effect.gen(function* () {
    const now = nowOf(yield* Clock.Clock)
    const rng = rngOf(yield* Random.Random)
    const toSet = Described.make(options.describe)
    let index = 0
    let failures = 0
    let notBefore = Number.NEGATIVE_INFINITY
    let last: string | undefined

    /** The next answer, as it is to be told; and when to ask again. */
    const next = Effect.gen(function* () {
      const pause = notBefore - now()
      if (pause > 0) yield* Effect.sleep(pause)
      const asked = now()
      const answer = yield* Effect.result(Health.ask(client, question, index))
      if (answer._tag === "Failure") {
        const longest = Math.min(maxPauseMs, minMs * 2 ** Math.min(failures++, 20))
        notBefore = now() + longest * (0.5 + rng() / 2)
        // From the start, so that the first answer comes at once and says that it is over.
        index = 0
        return { seen: answer.failure, problem: answer.failure, entries: [] }
      }
      failures = 0
      const { index: given, instances } = answer.success
      index = given < index ? 0 : given
      notBefore = given === 0 ? now() + 5 * minMs : asked + minMs
      const entries = entriesOf(instances, options)
      const none = entries.length === 0 && options.onNotFound !== "empty" ? "no instance takes calls" : undefined
      return { seen: none ?? JSON.stringify(entries), problem: none, entries }
    })
    return Stream.fromEffectRepeat(
      Effect.gen(function* (): Effect.fn.Return<TargetUpdate<C>> {
        while (true) {
          const said = yield* next
          if (said.seen === last) continue
          last = said.seen
          return said.problem === undefined ? toSet(name, said.entries) : problem(`${name}: ${said.problem}`)
        }
      })
    )
  })
  return { name, changes: Stream.unwrap(changes) }
})

const entriesOf = <C>(
  instances: ReadonlyArray<Health.Instance>,
  { near, passingOnly = true }: Options<C>
): ReadonlyArray<Described.Entry<ConsulInstance>> => {
  const entries: Array<Described.Entry<ConsulInstance>> = []
  for (const { Checks, Node, Service } of instances) {
    const status = worst(Checks ?? [])
    if (status === "critical" || (passingOnly && status === "warning")) continue
    const weight = (status === "passing" ? Service.Weights?.Passing : Service.Weights?.Warning) ?? 1
    if (!(weight > 0)) continue
    const record: ConsulInstance = {
      id: Service.ID,
      node: Node.Node,
      address: Service.Address || Node.Address,
      port: Service.Port ?? 0,
      tags: Service.Tags ?? [],
      meta: Service.Meta ?? {},
      datacenter: Node.Datacenter ?? undefined
    }
    entries.push({ record, weight })
  }
  if (near !== undefined) return entries
  const order = ({ record }: Described.Entry<ConsulInstance>) => `${record.node}\n${record.id}`
  return entries.sort((a, b) => (order(a) < order(b) ? -1 : 1))
}

/** Of node and service: anything that is neither is no reason to send calls there. */
const worst = (checks: ReadonlyArray<{ readonly Status: string }>): "passing" | "warning" | "critical" => {
  if (checks.some(({ Status }) => Status !== "passing" && Status !== "warning")) return "critical"
  return checks.some(({ Status }) => Status === "warning") ? "warning" : "passing"
}

const keys: ReadonlySet<string> = new Set([
  ...["service", "url", "token", "describe", "passingOnly", "tags", "filter", "datacenter", "namespace", "near"],
  ...["consistency", "wait", "timeout", "minInterval", "maxPause", "onNotFound"]
])

const resolve = <C>(options: Options<C>) => {
  onlyKeys("ConsulSource", options, keys)
  const { consistency, describe, onNotFound = "problem", service, token, url = "http://127.0.0.1:8500" } = options
  if (typeof service !== "string" || service === "") {
    throw new InvalidOption("ConsulSource: service", "a non-empty string", service)
  }
  if (typeof url !== "string" || !/^https?:\/\/[^/@?#]+(\/[^?#]*)?$/.test(url)) {
    throw new InvalidOption(
      "ConsulSource: url",
      "http://host:port or https://host:port, without a password",
      hiddenKind(url)
    )
  }
  if (token !== undefined && !Redacted.isRedacted(token)) {
    throw new InvalidOption("ConsulSource: token", "Redacted.make(token)", hiddenKind(token))
  }
  if (typeof describe !== "function") throw new InvalidOption("ConsulSource: describe", "a function", describe)
  if (consistency !== undefined && consistency !== "stale" && consistency !== "consistent") {
    throw new InvalidOption("ConsulSource: consistency", `"stale" or "consistent"`, consistency)
  }
  if (onNotFound !== "problem" && onNotFound !== "empty") {
    throw new InvalidOption("ConsulSource: onNotFound", `"problem" or "empty"`, onNotFound)
  }
  const waitMs = positiveMillis("ConsulSource: wait", options.wait ?? "5 minutes")
  if (waitMs > 600_000) throw new InvalidOption("ConsulSource: wait", "at most 10 minutes", options.wait)
  const minMs = positiveMillis("ConsulSource: minInterval", options.minInterval ?? "1 second")
  const maxPauseMs = positiveMillis("ConsulSource: maxPause", options.maxPause ?? "1 minute")
  const timeoutMs = positiveMillis("ConsulSource: timeout", options.timeout ?? "10 seconds")
  const question: Health.Question = {
    url: url.replace(/\/+$/, ""),
    service,
    token,
    waitMs,
    timeoutMs,
    params: paramsOf(options)
  }
  return { maxPauseMs, minMs, question }
}

const paramsOf = <C>(options: Options<C>): ReadonlyArray<readonly [string, string]> => {
  const { consistency, datacenter, filter, namespace, near, passingOnly = true, tags = [] } = options
  const params: Array<readonly [string, string]> = passingOnly ? [["passing", "true"]] : []
  for (const tag of tags) params.push(["tag", tag])
  for (const [name, value] of Object.entries({ dc: datacenter, ns: namespace, near, filter })) {
    if (value !== undefined) params.push([name, value])
  }
  if (consistency !== undefined) params.push([consistency, ""])
  return params
}
