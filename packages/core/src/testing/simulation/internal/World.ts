/** The world of one run: checked providers, accounts and classes on one timeline, and what is counted of them. */
import * as Effect from "effect/Effect"
import type { Millis } from "../../../model/Gate.ts"
import { InvalidOption, onlyKeys, share } from "../../../model/InvalidOption.ts"
import type { Price } from "../../../model/Price.ts"
import { check as checkPrice } from "../../../model/Price.ts"
import type { ProviderError } from "../ProviderError.ts"
import type { Provider, Scenario } from "../Scenario.ts"
import { Ask, type Listener } from "./Ask.ts"
import { derive } from "./Chance.ts"
import { compile } from "./Distribution.ts"
import { Limiter } from "./Limiter.ts"
import * as Network from "./Network.ts"
import { atLeast, httpError, list, millis, name, object } from "./options.ts"
import { Recorder } from "./Recorder.ts"
import { type Failure, Server } from "./Server.ts"
import type { SimCall } from "./SimCall.ts"
import { TargetTally } from "./TargetTally.ts"
import { Timeline } from "./Timeline.ts"
import { Traffic } from "./Traffic.ts"

const scenarioKeys: ReadonlySet<string> = new Set([
  ...(["name", "seed", "duration", "warmup", "drain", "startsAt"] as const),
  ...(["traffic", "providers", "accounts", "network"] as const)
] satisfies ReadonlyArray<keyof Scenario>)

const providerKeys: ReadonlySet<string> = new Set([
  ...(["latency", "capacity", "account", "region", "errors", "silent", "events"] as const)
] satisfies ReadonlyArray<keyof Provider>)

/** A target of the contender and the provider behind it. */
export interface Bound {
  readonly server: Server
  readonly tally: TargetTally
}

export class World {
  readonly name: string
  readonly seed: number
  readonly startsAt: number
  readonly durationMs: Millis
  readonly warmupMs: Millis
  readonly drainMs: Millis
  readonly timeline: Timeline
  readonly recorder: Recorder
  readonly traffic: ReadonlyArray<Traffic>
  readonly targets: Array<TargetTally> = []
  readonly #servers = new Map<string, Server>()

  /** Throws `InvalidOption`. */
  constructor(scenario: Scenario) {
    const where = "Scenario"
    onlyKeys(where, object(where, scenario), scenarioKeys)
    this.name = name(`${where}: name`, scenario.name)
    const seed = scenario.seed ?? 1
    if (!Number.isSafeInteger(seed)) throw new InvalidOption(`${where}: seed`, "an integer", seed)
    this.seed = seed
    this.startsAt = epochOf(`${where}: startsAt`, scenario.startsAt ?? "2024-01-01")
    this.durationMs = millis(`${where}: duration`, scenario.duration)
    this.warmupMs = millis(`${where}: warmup`, scenario.warmup ?? 0, "zero")
    if (this.warmupMs >= this.durationMs) {
      throw new InvalidOption(`${where}: warmup`, "a duration < duration", scenario.warmup)
    }
    this.drainMs = millis(`${where}: drain`, scenario.drain ?? "10 minutes", "zero")
    this.timeline = new Timeline(this.startsAt)
    this.recorder = new Recorder(this.durationMs)
    this.#addServers(scenario)
    const names = new Set<string>()
    this.traffic = list(`${where}: traffic`, scenario.traffic, 1).map((spec, i) => {
      const traffic = new Traffic(`${where}: traffic[${i}]`, spec, derive(seed, i), this.startsAt)
      if (names.has(traffic.name)) {
        throw new InvalidOption(`${where}: traffic[${i}].name`, "unique among the classes", traffic.name)
      }
      names.add(traffic.name)
      return traffic
    })
  }

  /** A target of the contender. Throws `InvalidOption`. */
  bind(where: string, id: string, provider: string, price: Price | undefined): Bound {
    const server = this.#servers.get(provider)
    if (server === undefined) {
      const known = [...this.#servers.keys()].map((name) => JSON.stringify(name)).join(", ")
      throw new InvalidOption(`${where}.provider`, `a provider of the scenario, ${known}`, provider)
    }
    if (this.targets.some((target) => target.id === id)) {
      throw new InvalidOption(`${where}.id`, "unique among the targets", id)
    }
    if (price !== undefined) checkPrice(`${where}.price`, price)
    const concurrency = server.spec.limiters[0]?.concurrency
    const tally = new TargetTally(id, provider, price, concurrency, this.recorder.buckets)
    this.targets.push(tally)
    return { server, tally }
  }

  /** Places at providers that are taken or waited for. */
  get held(): number {
    let held = 0
    for (const { spec } of this.#servers.values())
      for (const limiter of spec.limiters) held += limiter.inUse + limiter.queued
    return held
  }

  /** Sends a call to a target. */
  begin(call: SimCall, { server, tally }: Bound, listener: Listener): Ask {
    const { now } = this.timeline
    const ask = new Ask(server, call, tally, listener, now)
    server.begin(ask, now)
    return ask
  }

  /** The same as an effect; what it fails with is the provider's. */
  ask(call: SimCall, bound: Bound, done: (now: Millis) => void = () => {}): Effect.Effect<string, ProviderError> {
    return Effect.callback((resume) => {
      const ask = this.begin(call, bound, {
        content: (now) => {
          if (call.firstContentAt < 0) call.firstContentAt = now
        },
        done: (now) => {
          done(now)
          resume(answer)
        },
        failed: (error) => resume(Effect.fail(error))
      })
      return Effect.sync(() => ask.giveUp(this.timeline.now))
    })
  }

  #addServers(scenario: Scenario): void {
    const network = Network.make("Scenario: network", scenario.network)
    const accounts = new Map<string, Limiter<Ask>>()
    for (const [id, capacity] of Object.entries(scenario.accounts ?? {})) {
      accounts.set(id, new Limiter(`Scenario: accounts.${id}`, capacity))
    }
    const providers = Object.entries(object("Scenario: providers", scenario.providers))
    if (providers.length === 0) throw new InvalidOption("Scenario: providers", "at least one provider by name", {})
    for (const [id, provider] of providers) {
      const where = `Scenario: providers.${id}`
      onlyKeys(where, object(where, provider), providerKeys)
      onlyKeys(`${where}.latency`, object(`${where}.latency`, provider.latency), latencyKeys)
      const limiters = [new Limiter<Ask>(`${where}.capacity`, provider.capacity ?? {})]
      if (provider.account !== undefined) {
        const account = accounts.get(provider.account)
        if (account === undefined) {
          throw new InvalidOption(`${where}.account`, "a key of the scenario's accounts", provider.account)
        }
        limiters.push(account)
      }
      const errors = list(`${where}.errors`, provider.errors ?? []).map((error, i) =>
        failure(`${where}.errors[${i}]`, error)
      )
      const silent = share(`${where}.silent`, provider.silent ?? 0)
      if (errors.reduce((sum, error) => sum + error.rate, silent) > 1 + 1e-9) {
        throw new InvalidOption(`${where}.errors`, "rates that add up to at most 1, with silent", provider.errors)
      }
      const { latency } = provider
      const spec = {
        name: id,
        region: provider.region === undefined ? undefined : name(`${where}.region`, provider.region),
        firstContent: compile(`${where}.latency.firstContent`, latency.firstContent),
        perToken: compile(`${where}.latency.perToken`, latency.perToken ?? 0),
        perInputToken: atLeast(`${where}.latency.perInputToken`, latency.perInputToken ?? 0, 0),
        limiters,
        errors,
        silent
      }
      const server = new Server(this.#servers.size, spec, this.timeline, network)
      const events = list(`${where}.events`, provider.events ?? [])
      server.faults.plan(`${where}.events`, events, (time, run) => this.timeline.at(time, run), server)
      this.#servers.set(id, server)
    }
  }
}

const answer = Effect.succeed("answer")
const latencyKeys: ReadonlySet<string> = new Set(["firstContent", "perToken", "perInputToken"])

const failure = (where: string, error: NonNullable<Provider["errors"]>[number]): Failure => {
  onlyKeys(where, object(where, error), new Set(["rate", "status", "after", "retryAfter"]))
  return {
    rate: share(`${where}.rate`, error.rate),
    status: httpError(`${where}.status`, error.status),
    after: compile(`${where}.after`, error.after ?? 20),
    retryAfter: error.retryAfter === undefined ? undefined : millis(`${where}.retryAfter`, error.retryAfter) / 1000
  }
}

const epochOf = (where: string, date: unknown): number => {
  const epoch = typeof date === "string" ? Date.parse(date) : Number.NaN
  if (Number.isFinite(epoch)) return epoch
  throw new InvalidOption(where, `an ISO date such as "2024-01-01" or "2024-01-01T12:00:00Z"`, date)
}
