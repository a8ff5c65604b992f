/** Pins what a router tells the compiler: ids that do not exist, services that are missing, errors that can come. Never run. */

import type { PromiseRouter, ProviderModel, TargetSource } from "@spillway/core"
import {
  createRouter,
  createRouterFrom,
  Defaults,
  RoutedModel,
  type RouteError,
  Router,
  Strategy
} from "@spillway/core"
import { Context, Effect, Layer, type Scope } from "effect"
import type { LanguageModel } from "effect/ai"
import { expectTypeOf } from "vitest"

declare const strategy: Strategy.Strategy
declare const model: ProviderModel.ProviderModel

const made = Router.make({
  targets: [
    { id: "main", client: "m", weight: 5 },
    { id: "spare", client: "s" }
  ],
  tiers: [["main"], ["spare"]]
})

// Ids are literals; what is missing is named.
expectTypeOf<Effect.Success<typeof made>>().toEqualTypeOf<Router.Router<"main" | "spare", "m" | "s">>()
expectTypeOf<Effect.Services<typeof made>>().toEqualTypeOf<Scope.Scope | Strategy.CurrentStrategy | Defaults.Services>()
expectTypeOf<Effect.Error<typeof made>>().toEqualTypeOf<never>()

Router.make({
  targets: [{ id: "main", client: 1 }],
  // @ts-expect-error A tier that names nothing.
  tiers: [["mian"]]
})

// @ts-expect-error A router needs a strategy.
Effect.runPromise(Effect.scoped(Effect.provide(made, Defaults.layer)))
Effect.runPromise(
  Effect.scoped(Effect.provide(made, [Defaults.layer, Layer.succeed(Strategy.CurrentStrategy, strategy)]))
)

declare const router: Effect.Success<typeof made>

// Isolating a target that does not exist does not compile.
router.isolate("spare")
// @ts-expect-error
router.isolate("backup")

// The call's own error and needs stay in the type; the router adds one error.
class Db extends Context.Service<Db, { readonly n: number }>()("Db") {}
const routed = router.route({ priority: "P0" }, (attempt) => {
  expectTypeOf(attempt.client).toEqualTypeOf<"m" | "s">()
  expectTypeOf(attempt.target.id).toEqualTypeOf<"main" | "spare">()
  return Effect.flatMap(Db, ({ n }) => (n > 0 ? Effect.succeed(n) : Effect.fail("none" as const)))
})
expectTypeOf(routed).toEqualTypeOf<Effect.Effect<number, "none" | RouteError.RouteError, Db>>()

// @ts-expect-error Not a priority.
router.route({ priority: "urgent" }, () => Effect.void)
// @ts-expect-error An option out of place.
router.route({ weight: 5 }, () => Effect.void)

// One layer makes it a model.
const layer = RoutedModel.layer({ targets: [{ id: "a", client: model }], onBreak: "restart" })
expectTypeOf<Layer.Success<typeof layer>>().toEqualTypeOf<LanguageModel.LanguageModel | RoutedModel.CurrentRouter>()
// @ts-expect-error The targets of a routed model are models.
RoutedModel.layer({ targets: [{ id: "a", client: "not a model" }] })

// The Promise facade has the same literals.
const plain = createRouter({ targets: [{ id: "a", client: 1 }], strategy })
plain.isolate("a")
// @ts-expect-error
plain.isolate("b")
// @ts-expect-error The strategy is the one thing that must be said.
createRouter({ targets: [{ id: "a", client: 1 }] })
// @ts-expect-error Not a model: there is no language model over it.
plain.languageModel()

// What a call or a strategy names is one of the router's targets.
router.route({ needs: { pinnedTo: "spare", only: { targets: ["main"] } } }, () => Effect.void)
// @ts-expect-error
router.route({ needs: { pinnedTo: "backup" } }, () => Effect.void)
// @ts-expect-error
router.route({ needs: { only: { targets: ["backup"] } } }, () => Effect.void)
declare const naming: Strategy.Strategy<"backup">
// @ts-expect-error
createRouter({ targets: [{ id: "main", client: 1 }], strategy: naming })
createRouter({ targets: [{ id: "backup", client: 1 }], strategy: naming })

// Where ids are literals there is no other set; where they are not, any string is one.
// @ts-expect-error
router.reload({ targets: [{ id: "main", client: "m" }] })
declare const source: TargetSource.TargetSource<{ readonly url: string }>
const followed = Router.fromSource(source)
expectTypeOf<Effect.Success<typeof followed>>().toEqualTypeOf<Router.DynamicRouter<{ readonly url: string }>>()
expectTypeOf<Effect.Error<typeof followed>>().toEqualTypeOf<TargetSource.TargetSourceError>()
declare const dynamic: Effect.Success<typeof followed>
dynamic.isolate("whoever")
dynamic.route({ needs: { pinnedTo: "whoever" } }, ({ client }) => Effect.succeed(client.url))
dynamic.reload({ targets: [{ id: "x", client: { url: "http://x" } }], tiers: [["x"]] })
// @ts-expect-error A client of another kind.
dynamic.reload({ targets: [{ id: "x", client: 1 }] })
expectTypeOf(createRouterFrom(source, { strategy: naming })).toEqualTypeOf<
  Promise<PromiseRouter.DynamicPromiseRouter<{ readonly url: string }>>
>()
