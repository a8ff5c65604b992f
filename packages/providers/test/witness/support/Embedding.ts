/** The same for embeddings: two texts, and vectors of eight numbers. */
import { assert, it } from "@effect/vitest"
import type { ProviderEmbedding } from "@spillway/core/ProviderEmbedding"
import { Effect } from "effect"
import type { Server } from "../../support/Server.ts"
import { differences, recorder, sentBy } from "./Recorder.ts"
import type { Accounted } from "./SameRequest.ts"

export const texts = ["a river", "a lake"]

export const sameEmbedding = (
  name: string,
  ours: (server: Server) => ProviderEmbedding,
  sdk: (server: Server) => Promise<unknown>,
  differs: Readonly<Record<string, Accounted>> = {}
): void => {
  it.live(name, () =>
    Effect.gen(function* () {
      const server = yield* recorder
      yield* Effect.promise(async () => {
        const our = await sentBy(server, () => Effect.runPromise(ours(server).embed(texts)))
        const their = await sentBy(server, () => sdk(server))
        const accounted = Object.entries(differs).map(([at, { ours, sdk }]) => [at, { ours, sdk }])
        assert.deepStrictEqual(differences(our, their), Object.fromEntries(accounted))
      })
    })
  )
}
