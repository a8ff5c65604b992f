/** The real router, or several that share the calls, made as an application makes it. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { GateEvent } from "../../../model/Gate.ts"
import { InvalidOption, integer, onlyKeys } from "../../../model/InvalidOption.ts"
import * as RouteRequest from "../../../model/RouteRequest.ts"
import { CurrentStrategy, type Strategy } from "../../../model/Strategy.ts"
import type { Target, TargetSpec } from "../../../model/Target.ts"
import { CurrentTelemetry, type Telemetry } from "../../../model/Telemetry.ts"
import type { Attempt } from "../../../router/Answer.ts"
import * as BreakPolicy from "../../../router/BreakPolicy.ts"
import * as Defaults from "../../../router/Defaults.ts"
import * as Router from "../../../router/Router.ts"
import type { Place, RouterOptions } from "../Contender.ts"
import { answerStream, type Part } from "./answerStream.ts"
import { count } from "./CallTally.ts"
import type { Driver, MakeDriver } from "./Driver.ts"
import { list, name, object, oneOf } from "./options.ts"
import type { SimCall } from "./SimCall.ts"
import { callOf, SimRequest } from "./SimRequest.ts"
import type { Traffic } from "./Traffic.ts"
import type { Bound, World } from "./World.ts"

type AnyRouter = Router.Router<string, Bound>

const keys: ReadonlySet<string> = new Set([
  ...(["name", "targets", "tiers", "timeouts", "strategy", "defaults", "layer", "instances", "perRegion"] as const),
  "onBreak",
  "_tag"
] satisfies ReadonlyArray<keyof RouterOptions | "_tag">)

/** Throws `InvalidOption`. */
export const make = (where: string, options: RouterOptions, world: World): MakeDriver => {
  onlyKeys(where, object(where, options), keys)
  const specs = list(`${where}: targets`, options.targets, 1).map((target, i): TargetSpec<string, Bound> => {
    const at = `${where}: targets[${i}]`
    const provider = target.provider ?? target.id
    const client = world.bind(at, name(`${at}.id`, target.id), provider, target.price)
    const region = target.region ?? client.server.spec.region
    return { ...target, client, provider, ...(region === undefined ? {} : { region }) }
  })
  const instances = integer(`${where}: instances`, options.instances ?? 1)
  const regions = options.perRegion === true ? new Set(world.traffic.map(({ region }) => region)) : [undefined]
  const onBreak = oneOf(`${where}: onBreak`, options.onBreak ?? "fail", ["fail", "restart"])
  const telemetry = telemetryOf(world)
  return Effect.gen(function* () {
    const routers = new Map<string | undefined, Array<AnyRouter>>()
    for (const region of regions) {
      const here: Array<AnyRouter> = []
      for (let instance = 0; instance < instances; instance++) {
        here.push(yield* makeRouter(where, options, specs, { region, instance }, telemetry))
      }
      routers.set(region, here)
    }
    return driverOf(routers, options.perRegion === true, onBreak === "restart" ? restarting : streamOptions, world)
  })
}

const makeRouter = (
  where: string,
  options: RouterOptions,
  targets: ReadonlyArray<TargetSpec<string, Bound>>,
  place: Place,
  telemetry: Telemetry
) =>
  Effect.gen(function* () {
    const strategy = typeof options.strategy === "function" ? options.strategy(place) : options.strategy
    const made = Layer.mergeAll(
      Defaults.make(options.defaults),
      Layer.succeed(CurrentStrategy, strategyOf(where, strategy))
    )
    // What stands in the later layer counts, whatever its type says.
    const layer = options.layer === undefined ? made : (Layer.merge(made, options.layer) as typeof made)
    const services = yield* Layer.build(layer)
    const { tiers, timeouts } = options
    return yield* Router.make({
      targets,
      ...(tiers === undefined ? {} : { tiers }),
      ...(timeouts === undefined ? {} : { timeouts })
    }).pipe(Effect.provideContext(services), Effect.provideService(CurrentTelemetry, telemetry))
  })

const strategyOf = (where: string, strategy: Strategy<string>): Strategy<string> => {
  if (typeof strategy?.make === "function") return strategy
  throw new InvalidOption(`${where}: strategy`, "a Strategy, or a function that makes one", strategy)
}

const telemetryOf = (world: World): Telemetry => {
  const tallies = new Map(world.targets.map((target) => [target.id, target]))
  return {
    call: ({ request }) => callOf(request),
    event: (target: Target, event: GateEvent) => {
      const tally = tallies.get(target.id)
      if (tally !== undefined) count(tally.events, event._tag)
    }
  }
}

const driverOf = (
  routers: ReadonlyMap<string | undefined, ReadonlyArray<AnyRouter>>,
  perRegion: boolean,
  streams: Router.StreamOptions<Part>,
  world: World
): Driver => {
  const bases = new Map(world.traffic.map((traffic) => [traffic, baseOf(traffic)]))
  const { timeline } = world
  return (call) => {
    const here = routers.get(perRegion ? call.region : undefined) ?? []
    const router = here.length === 1 ? here[0] : here[call.slot % here.length]
    const base = bases.get(call.traffic)
    if (router === undefined || base === undefined) return Effect.die("No router for the call")
    const request = new SimRequest(base, call)
    if (!call.streamed) return router.route(request, (attempt) => answer(world, call, attempt))
    const parts = router.stream(request, (attempt) => answerStream(world, call, attempt), streams)
    return Stream.runForEachArray(parts, () => {
      if (call.firstContentAt < 0) call.firstContentAt = timeline.now
      return Effect.void
    })
  }
}

const streamOptions: Router.StreamOptions<Part> = {
  isContent: (part) => part === "content",
  isEnd: (part) => part === "end"
}

const restarting: Router.StreamOptions<Part> = { ...streamOptions, onBreak: BreakPolicy.restart((): Part => "restart") }

const answer = (world: World, call: SimCall, attempt: Attempt<string, Bound>) =>
  world.ask(call, attempt.client, () =>
    attempt.report({ inputTokens: call.inputTokens, outputTokens: call.outputTokens })
  )

/** What all calls of a class have in common. */
const baseOf = ({ deadlineMs, priority, spec }: Traffic): RouteRequest.RouteRequest =>
  RouteRequest.make({
    priority,
    deadline: deadlineMs,
    needs: spec.needs,
    idempotent: spec.idempotent,
    tags: spec.tags
  })
