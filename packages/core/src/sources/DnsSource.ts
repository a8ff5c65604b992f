/**
 * The targets behind a name: one per address (A, AAAA), or one per service record (SRV).
 *
 * Use it for deployments that stand behind one name and should be balanced and judged one by one: replicas of a model server
 * behind a headless Kubernetes service, for one. It is no use for vendors' names, which stand for load balancers of theirs.
 *
 * The name is asked again when the answer's TTL is over, within bounds. When DNS fails, or the name is gone, the targets that
 * were there stay and the source reports the problem: a lost record is more often a mistake in DNS than the end of everything.
 *
 * Source: RFC 2782 (SRV): lower priorities first, here as tiers; of one priority shares by weight, and records of weight 0
 * have together the chance of one unit.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { InvalidOption, integer, onlyKeys } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import { problem, type TargetSource, type TargetUpdate } from "../model/TargetSource.ts"
import * as Described from "./internal/described.ts"
import * as Resolver from "./Resolver.ts"

/** What both kinds take. */
export interface CommonOptions {
  /** No sooner than this after an answer, whatever its TTL; also the first pause after a failure, which doubles. > 0, default 5 seconds. */
  readonly minInterval?: Duration.Input
  /** No later than this after an answer or a failure. >= `minInterval`, default 5 minutes. */
  readonly maxInterval?: Duration.Input
  /** What a name without records means: a `"problem"` (the default: the old targets stay), or an `"empty"` set. */
  readonly onNotFound?: "problem" | "empty"
}

export type { Described } from "./internal/described.ts"

/** What `describe` is told of an address. */
export interface AddressRecord {
  readonly host: string
  readonly address: string
  readonly family: 4 | 6
  readonly port: number
}

export interface AddressOptions<C> extends CommonOptions {
  readonly host: string
  /** Handed to `describe`; DNS does not know it. Integer in [1, 65535], default 443. */
  readonly port?: number
  /** Default 4. */
  readonly family?: 4 | 6 | "both"
  /** The target at an address: its id has to tell it from the others. Called once per record, as long as it is there. */
  readonly describe: (record: AddressRecord) => Described.Described<C>
}

/** One target per address of a host. A mistake in the options is an `InvalidOption` defect. */
export const addresses = <C>(options: AddressOptions<C>): Effect.Effect<TargetSource<C>, never, Resolver.Resolver> =>
  Effect.map(Resolver.Resolver, (resolver) => {
    const where = "DnsSource.addresses"
    onlyKeys(where, options, addressKeys)
    const { describe, family = 4, host, port = 443 } = options
    const name = nameOf(`${where}: host`, host)
    if (integer(`${where}: port`, port) > 65_535) throw new InvalidOption(`${where}: port`, "at most 65535", port)
    if (family !== 4 && family !== 6 && family !== "both") {
      throw new InvalidOption(`${where}: family`, `4, 6 or "both"`, family)
    }
    const one = (family: 4 | 6) => resolver.addresses(name, family)
    /** A host may have addresses of one family only. */
    const orNone = (family: 4 | 6) =>
      Effect.catch(one(family), (error) => (error.reason === "NotFound" ? Effect.succeed([]) : Effect.fail(error)))
    const both = Effect.flatMap(Effect.all([orNone(4), orNone(6)], { concurrency: 2 }), ([four, six]) =>
      four.length + six.length > 0 ? Effect.succeed([...four, ...six]) : one(4)
    )
    const ask = Effect.map(family === "both" ? both : one(family), (found) => ({
      entries: found.map(({ address, family }) => ({ record: { host: name, address, family, port } })),
      ttlMs: Math.min(...found.map(({ ttl }) => ttl)) * 1000
    }))
    return source(where, `DNS ${name}`, options, ask, describe)
  })

const addressKeys: ReadonlySet<string> = new Set([
  ...["host", "port", "family", "describe", "minInterval", "maxInterval", "onNotFound"]
])

/** What `describe` is told of a service record. */
export interface ServiceRecord extends Resolver.Service {
  /** What was asked for. */
  readonly name: string
}

export interface ServiceOptions<C> extends CommonOptions {
  /** Such as `_llm._tcp.example.com`. */
  readonly name: string
  /** Node does not tell the TTL of these records. > 0, default 30 seconds, kept within the other two. */
  readonly interval?: Duration.Input
  /**
   * The target of a record: its id has to tell it from the others. Weight and tier follow from the record, unless they are
   * given here. Called again when the record has changed.
   */
  readonly describe: (record: ServiceRecord) => Described.Described<C>
}

/** One target per SRV record. A mistake in the options is an `InvalidOption` defect. */
export const services = <C>(options: ServiceOptions<C>): Effect.Effect<TargetSource<C>, never, Resolver.Resolver> =>
  Effect.map(Resolver.Resolver, (resolver) => {
    const where = "DnsSource.services"
    onlyKeys(where, options, serviceKeys)
    const name = nameOf(`${where}: name`, options.name)
    const ttlMs = positiveMillis(`${where}: interval`, options.interval ?? "30 seconds")
    const ask = Effect.flatMap(resolver.services(name), (found) => {
      const offered = found.filter(({ host }) => host !== "" && host !== ".")
      return offered.length === 0
        ? Effect.fail(new Resolver.ResolveError({ name, reason: "NotFound", code: "not offered" }))
        : Effect.succeed({ entries: weighed(name, offered), ttlMs })
    })
    return source(where, `DNS ${name}`, options, ask, options.describe)
  })

const serviceKeys: ReadonlySet<string> = new Set([
  ...["name", "interval", "describe", "minInterval", "maxInterval", "onNotFound"]
])

/** Weights as chances: RFC 2782 draws from 0 to the sum of the weights, and 0 means those of weight 0, who stand first. */
const weighed = (
  name: string,
  found: ReadonlyArray<Resolver.Service>
): ReadonlyArray<Described.Entry<ServiceRecord>> => {
  const without = new Map<number, number>()
  for (const { priority, weight } of found) {
    if (weight === 0) without.set(priority, (without.get(priority) ?? 0) + 1)
  }
  return found.map((service) => ({
    record: { name, ...service },
    tier: service.priority,
    weight: service.weight > 0 ? service.weight : 1 / (without.get(service.priority) ?? 1)
  }))
}

interface Answer<R> {
  readonly entries: ReadonlyArray<Described.Entry<R>>
  readonly ttlMs: number
}

const source = <C, R>(
  where: string,
  name: string,
  options: CommonOptions,
  ask: Effect.Effect<Answer<R>, Resolver.ResolveError>,
  describe: (record: R) => Described.Described<C>
): TargetSource<C> => {
  if (typeof describe !== "function") throw new InvalidOption(`${where}: describe`, "a function", describe)
  const least = positiveMillis(`${where}: minInterval`, options.minInterval ?? "5 seconds")
  const most = positiveMillis(`${where}: maxInterval`, options.maxInterval ?? Math.max(least, 300_000))
  if (most < least) throw new InvalidOption(`${where}: maxInterval`, ">= minInterval", options.maxInterval)
  const { onNotFound = "problem" } = options
  if (onNotFound !== "problem" && onNotFound !== "empty") {
    throw new InvalidOption(`${where}: onNotFound`, `"problem" or "empty"`, onNotFound)
  }
  const changes = Stream.suspend(() => {
    const toSet = Described.make(describe)
    let last: string | undefined
    let waitMs: number | undefined
    let failures = 0
    const answered = ask.pipe(
      Effect.catch((error) =>
        error.reason === "NotFound" && onNotFound === "empty"
          ? Effect.succeed<Answer<R>>({ entries: [], ttlMs: least })
          : Effect.fail(error)
      ),
      // The order of an answer means nothing: servers turn it round.
      Effect.map(({ entries, ttlMs }) => ({ ttlMs, entries: [...entries].sort(byRecord) })),
      Effect.result
    )
    return Stream.fromEffectRepeat(
      Effect.gen(function* (): Effect.fn.Return<TargetUpdate<C>> {
        while (true) {
          if (waitMs !== undefined) yield* Effect.sleep(waitMs)
          const answer = yield* answered
          const failed = answer._tag === "Failure"
          failures = failed ? failures + 1 : 0
          waitMs = failed
            ? Math.min(most, least * 2 ** Math.min(failures - 1, 20))
            : Math.min(most, Math.max(least, answer.success.ttlMs))
          const seen = failed ? answer.failure.message : JSON.stringify(answer.success.entries)
          if (seen === last) continue
          last = seen
          return failed ? problem(answer.failure.message) : toSet(name, answer.success.entries)
        }
      })
    )
  })
  return { name, changes }
}

const byRecord = (a: Described.Entry<unknown>, b: Described.Entry<unknown>): number =>
  JSON.stringify(a.record) < JSON.stringify(b.record) ? -1 : 1

const nameOf = (where: string, name: string): string => {
  if (typeof name === "string" && /^[\w.-]{1,253}$/.test(name)) return name
  throw new InvalidOption(where, "a DNS name", name)
}
