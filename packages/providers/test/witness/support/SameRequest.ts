/** The table of one vendor: each intent as a user of the vendor's SDK writes it, and where the requests differ on purpose. */
import { assert, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import type { LanguageModel } from "effect/ai"
import { FetchHttpClient, type HttpClient } from "effect/http"
import type { Server } from "../../support/Server.ts"
import { all, type Intent } from "./Intents.ts"
import { type Difference, differences, recorder, sentBy } from "./Recorder.ts"

export interface Accounted extends Difference {
  /** Why it stays. */
  readonly why: string
}

export interface Case<Client> {
  readonly sdk: (client: Client) => Promise<unknown>
  /** Differences that stay, by place. One that is not here fails, and so does one that is here and not there. */
  readonly differs?: Readonly<Record<string, Accounted>>
}

/** Both sides against one server. */
export interface Sides<Client> {
  readonly client: (server: Server) => Client
  /** Differences of every request. */
  readonly always?: Readonly<Record<string, Accounted>>
  readonly ours: (server: Server) => Layer.Layer<LanguageModel.LanguageModel, never, HttpClient.HttpClient>
}

export type Table<Client> = Readonly<Record<Intent, Case<Client>>>

export const sameRequests = <Client>(sides: Sides<Client>, table: Table<Client>): void => {
  for (const [intent, one] of Object.entries(table)) sameRequest(sides, intent, all[intent as Intent], one)
}

export const sameRequest = <Client, E>(
  { always = {}, client, ours }: Sides<Client>,
  name: string,
  effect: Effect.Effect<unknown, E, LanguageModel.LanguageModel>,
  { differs = {}, sdk }: Case<Client>
): void => {
  it.live(name, () =>
    Effect.gen(function* () {
      const server = yield* recorder
      const mine = effect.pipe(Effect.provide(ours(server)), Effect.provide(FetchHttpClient.layer))
      yield* Effect.promise(async () => {
        const our = await sentBy(server, () => Effect.runPromise(mine))
        const their = await sentBy(server, () => sdk(client(server)))
        const accounted = Object.entries({ ...always, ...differs }).map(([at, { ours, sdk }]) => [at, { ours, sdk }])
        assert.deepStrictEqual(differences(our, their), Object.fromEntries(accounted))
      })
    })
  )
}
