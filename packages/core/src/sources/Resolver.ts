/**
 * DNS as a service: what `DnsSource` asks. `layer` is Node's own resolver (c-ares); a test gives records of its own.
 *
 * It asks DNS servers and nobody else: no `/etc/hosts`, no multicast. Node tells the TTL of addresses, not of services (SRV).
 */
import { Resolver as NodeResolver } from "node:dns/promises"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { InvalidOption, integer, onlyKeys } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"

/** An A or AAAA record. */
export interface Address {
  readonly address: string
  readonly family: 4 | 6
  /** Seconds. */
  readonly ttl: number
}

/** An SRV record, RFC 2782. */
export interface Service {
  /** Where it is: a name with addresses; an empty one says that the service is not offered. */
  readonly host: string
  readonly port: number
  /** Lower ones are to be used first. Integer in [0, 65535]. */
  readonly priority: number
  /** Share among those of the same priority. Integer in [0, 65535]. */
  readonly weight: number
}

/** There is no answer. */
export class ResolveError extends Schema.TaggedError<ResolveError>()("ResolveError", {
  name: Schema.String,
  /** `NotFound`: the name does not exist, or has no such record. `Timeout`: nobody answered. `Failed`: a server said no. */
  reason: Schema.Literals(["NotFound", "Timeout", "Failed"]),
  /** The resolver's own word, e.g. `ENOTFOUND`. */
  code: Schema.String
}) {
  override get message(): string {
    return `${this.name}: ${words[this.reason]} (${this.code})`
  }
}
const words = { NotFound: "there is no such record", Timeout: "no DNS server answered", Failed: "DNS failed" } as const

export class Resolver extends Context.Service<
  Resolver,
  {
    /** At least one, in any order. */
    readonly addresses: (host: string, family: 4 | 6) => Effect.Effect<ReadonlyArray<Address>, ResolveError>
    /** At least one, in any order. */
    readonly services: (name: string) => Effect.Effect<ReadonlyArray<Service>, ResolveError>
  }
>()("@spillway/core/sources/Resolver") {}

export interface Options {
  /** IP addresses, optionally with a port: `10.0.0.2`, `[::1]:5353`. Default: those of the system. */
  readonly servers?: ReadonlyArray<string>
  /** For the first try; c-ares makes later ones longer. > 0, default 2 seconds. */
  readonly timeout?: Duration.Input
  /** Integer >= 1, default 2. */
  readonly tries?: number
}

const keys: ReadonlySet<string> = new Set(["servers", "timeout", "tries"])

/** Over Node. A mistake in the options is an `InvalidOption` defect. */
export const layer = (options: Options = {}): Layer.Layer<Resolver> =>
  Layer.effect(
    Resolver,
    Effect.sync(() => make(options))
  )

const make = (options: Options): Resolver["Service"] => {
  onlyKeys("Resolver", options, keys)
  const { servers } = options
  const settings = {
    timeout: Math.ceil(positiveMillis("Resolver: timeout", options.timeout ?? "2 seconds")),
    tries: integer("Resolver: tries", options.tries ?? 2)
  }
  const open = () => {
    const resolver = new NodeResolver(settings)
    if (servers !== undefined) resolver.setServers(servers)
    return resolver
  }
  try {
    open()
  } catch {
    throw new InvalidOption("Resolver: servers", "a list of IP addresses, each with a port or without", servers)
  }
  /** A resolver of its own for each question, because Node cancels all questions of one together. */
  const ask = <A>(name: string, question: (resolver: NodeResolver) => Promise<A>): Effect.Effect<A, ResolveError> =>
    Effect.callback((resume) => {
      const resolver = open()
      question(resolver).then(
        (answer) => resume(Effect.succeed(answer)),
        (error: unknown) => resume(Effect.fail(errorOf(name, error)))
      )
      return Effect.sync(() => resolver.cancel())
    })
  return {
    addresses: (host, family) =>
      Effect.map(
        ask(host, (resolver) =>
          family === 4 ? resolver.resolve4(host, { ttl: true }) : resolver.resolve6(host, { ttl: true })
        ),
        (records) => records.map(({ address, ttl }) => ({ address, family, ttl }))
      ),
    services: (name) =>
      Effect.map(
        ask(name, (resolver) => resolver.resolveSrv(name)),
        (records) => records.map(({ name: host, port, priority, weight }) => ({ host, port, priority, weight }))
      )
  }
}

const errorOf = (name: string, error: unknown): ResolveError => {
  const given = (error as { readonly code?: unknown } | null)?.code
  const code = typeof given === "string" ? given : "unknown"
  return new ResolveError({ name, code, reason: reasons.get(code) ?? "Failed" })
}
const reasons: ReadonlyMap<string, ResolveError["reason"]> = new Map([
  ["ENOTFOUND", "NotFound"],
  ["ENODATA", "NotFound"],
  ["ETIMEOUT", "Timeout"],
  ["ECONNREFUSED", "Timeout"]
])
