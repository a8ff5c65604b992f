/** A router over the fake provider, for calls of the AI SDK. */
import { type CreateOptions, createRouter } from "@spillway/core/createRouter"
import type { ProviderModel } from "@spillway/core/ProviderModel"
import type { Strategy } from "@spillway/core/Strategy"
import { Effect } from "effect"
import * as AiSdk from "../../src/ai-sdk/AiSdk.ts"
import * as OpenAiCompatible from "../../src/OpenAiCompatible.ts"
import * as Behaviour from "../../src/testing/Behaviour.ts"
import * as FakeProvider from "../../src/testing/FakeProvider.ts"

/** The first one that may be asked. */
export const inOrder: Strategy = {
  name: "in-order",
  make: (candidates) => Effect.succeed({ pick: (_request, eligible) => candidates.find(eligible) })
}

type More = Omit<CreateOptions<ReadonlyArray<never>>, "targets" | "strategy">

/** `primary` before `backup`, each a model of the fake of its own name. */
export const routed = async (
  primary: Behaviour.Behaviour,
  backup: Behaviour.Behaviour = Behaviour.answer({ tokens: 6 }),
  more: More = {}
) => {
  const fake = await FakeProvider.start({ models: { primary, backup } })
  const client = (model: string) => OpenAiCompatible.model({ model, baseUrl: fake.url })
  return over(fake, { primary: client("primary"), backup: client("backup") }, more)
}

export const over = (fake: FakeProvider.Started, clients: Readonly<Record<string, ProviderModel>>, more: More = {}) => {
  const router = createRouter({
    targets: Object.entries(clients).map(([id, client]) => ({ id, client, limits: { maxInFlight: 8 } })),
    strategy: inOrder,
    // Real timers: no test waits for a back-off.
    retry: { transient: { base: "1 millis" }, throttled: { base: "1 millis" } },
    ...more
  })
  const held = () => router.status().targets.reduce((sum, target) => sum + target.inFlight, 0)
  const close = async () => {
    await router.close()
    await fake.close()
  }
  return { fake, router, model: AiSdk.fromRouter(router), held, close }
}
