/** Pins what a pipeline tells the compiler: services that are missing, parts out of place, names that do not exist. Never run. */
import {
  createRouter,
  DefaultPipeline,
  Defaults,
  type Degradation,
  type Gate,
  type Gates,
  Pipeline,
  type ResponseCache,
  RoutedModel,
  Router,
  type Shedding,
  type Strategy
} from "@spillway/core"
import { Context, Effect, Layer, type Scope } from "effect"
import { expectTypeOf } from "vitest"

declare const strategy: Strategy.Strategy
declare const gate: Gate.Gate
declare const middleware: Pipeline.RequestMiddleware
declare const around: Pipeline.AttemptMiddleware
declare const strategyLayer: Layer.Layer<Strategy.CurrentStrategy>

class Audit extends Context.Service<Audit, { readonly note: (line: string) => void }>()("Audit") {}

const targets = [{ id: "main", client: "m" }] as const
/** What a router with this pipeline asks for beyond what every router needs. */
type Asks<T> = Exclude<Effect.Services<T>, Scope.Scope | Router.Services>

// The default pipeline: its parts have names, and each says what it needs.
expectTypeOf<DefaultPipeline.Parts["name"]>().toEqualTypeOf<"ladder" | "cache" | "shed" | "gates">()
const made = Router.make({ targets })
expectTypeOf<Asks<typeof made>>().toEqualTypeOf<ResponseCache.ResponseCache | Shedding.Shedding | Gates.Gates>()

// A part that needs a service: the router needs it too, and the error says which.
const audit = Pipeline.request(
  "audit",
  Effect.map(
    Audit,
    ({ note }): Pipeline.RequestMiddleware => ({
      route: (request, next) => {
        note(request.priority)
        return next(request)
      }
    })
  )
)
const audited = Router.make({ targets, pipeline: Pipeline.append(DefaultPipeline.pipeline, audit) })
expectTypeOf<Asks<typeof audited>>().toEqualTypeOf<
  Audit | ResponseCache.ResponseCache | Shedding.Shedding | Gates.Gates
>()
// @ts-expect-error Audit is missing.
Effect.runPromise(Effect.scoped(Effect.provide(audited, [Defaults.layer, strategyLayer])))
Effect.runPromise(
  Effect.scoped(Effect.provide(audited, [Defaults.layer, strategyLayer, Layer.succeed(Audit, { note: () => {} })]))
)
// The same of a routed model: what is missing stands in the type of its layer.
declare const modelOptions: Router.Options<[], DefaultPipeline.Parts | typeof audit>
const modelled = RoutedModel.layer(modelOptions)
expectTypeOf<Extract<Layer.Services<typeof modelled>, Audit>>().toEqualTypeOf<Audit>()

// A part that is removed needs nothing any more, and one in its place what it needs itself.
const unaudited = Pipeline.remove(Pipeline.append(DefaultPipeline.pipeline, audit), "audit")
expectTypeOf(unaudited).toEqualTypeOf(DefaultPipeline.pipeline)
const uncached = Pipeline.remove(DefaultPipeline.pipeline, "cache")
expectTypeOf<Pipeline.Services<typeof uncached extends Pipeline.Pipeline<infer P> ? P : never>>().toEqualTypeOf<
  Degradation.Degradation | ResponseCache.ResponseCache | Shedding.Shedding | Gates.Gates
>()
const small = Pipeline.remove(Pipeline.remove(uncached, "ladder"), "shed")
const smaller = Router.make({ targets, pipeline: small })
expectTypeOf<Asks<typeof smaller>>().toEqualTypeOf<Gates.Gates>()
const own = Pipeline.replace(
  small,
  "gates",
  Pipeline.targetGate("mine", () => gate)
)
const smallest = Router.make({ targets, pipeline: own })
expectTypeOf<Asks<typeof smallest>>().toEqualTypeOf<never>()

// What a part acquires belongs to the router's scope and is asked of nobody else.
const scoped = Pipeline.request(
  "scoped",
  Effect.as(
    Effect.addFinalizer(() => Effect.void),
    middleware
  )
)
expectTypeOf<Pipeline.Services<typeof scoped>>().toEqualTypeOf<never>()

// Written where it stands, a part needs no more than elsewhere.
const inline = Pipeline.make({
  call: [Pipeline.request("plain", middleware), Pipeline.request("audited", Effect.as(Audit, middleware))],
  attempt: [Pipeline.attempt("around", around), Pipeline.targetGate("slots", () => gate)]
})
expectTypeOf<Pipeline.Services<typeof inline extends Pipeline.Pipeline<infer P> ? P : never>>().toEqualTypeOf<Audit>()

// Names that do not exist.
// @ts-expect-error
Pipeline.remove(DefaultPipeline.pipeline, "cahce")
// @ts-expect-error
Pipeline.replace(DefaultPipeline.pipeline, "cahce", audit)
// @ts-expect-error
Pipeline.before(DefaultPipeline.pipeline, "cahce", audit)
// @ts-expect-error It is gone.
Pipeline.remove(uncached, "cache")
// What was added is known.
Pipeline.before(Pipeline.append(DefaultPipeline.pipeline, audit), "audit", Pipeline.request("earlier", middleware))

// Parts out of place: what stands around calls does not stand around attempts, and the other way round.
const slots = Pipeline.targetGate("slots", () => gate)
const traced = Pipeline.attempt("traced", around)
const door = Pipeline.routerGate("door", () => gate)
// @ts-expect-error
Pipeline.make({ call: [slots], attempt: [] })
// @ts-expect-error
Pipeline.make({ call: [traced], attempt: [] })
// @ts-expect-error
Pipeline.make({ call: [], attempt: [audit] })
// @ts-expect-error
Pipeline.make({ call: [], attempt: [door] })
// @ts-expect-error A target's gate before the cache.
Pipeline.before(DefaultPipeline.pipeline, "cache", slots)
// @ts-expect-error
Pipeline.replace(DefaultPipeline.pipeline, "shed", traced)
// @ts-expect-error
Pipeline.replace(DefaultPipeline.pipeline, "gates", door)
// @ts-expect-error
Pipeline.before(DefaultPipeline.pipeline, "gates", audit)
Pipeline.make({ call: [audit, door], attempt: [slots, traced] })
Pipeline.before(DefaultPipeline.pipeline, "gates", slots)
Pipeline.replace(DefaultPipeline.pipeline, "shed", door)

// Middleware hands on answers that it does not know: it cannot make one up of another type.
Pipeline.request("liar", {
  // @ts-expect-error
  route: (_request, next) => Effect.map(next(_request), (answer) => ({ ...answer, value: "made up" }))
})

// The Promise facade supplies what `Defaults` supplies, and nothing else.
createRouter({ targets, strategy, pipeline: uncached })
createRouter({ targets, strategy, pipeline: Pipeline.append(own, scoped) })
// @ts-expect-error Audit is missing.
createRouter({ targets, strategy, pipeline: Pipeline.append(DefaultPipeline.pipeline, audit) })
