/** Pins what a router tells the compiler: ids that do not exist, services that are missing, errors that can come. Never run. */

import type { ProviderModel } from "@spillway/core"
import { createRouter, Defaults, RoutedModel, type RouteError, Router, Strategy } from "@spillway/core"
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
