/** A client without a socket: every request is answered with the same bytes. */
import { Cause, Effect } from "effect"
import { HttpClient } from "effect/http"
import * as Transport from "../../src/internal/http/Transport.ts"

interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** In two pieces. `sent`: what was asked, as it goes on the wire. */
export const answering = (
  bytes: Uint8Array | string,
  { headers = {}, status = 200 }: Answer = {},
  sent: Array<Transport.HttpRequest> = []
): HttpClient.HttpClient => {
  const all = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes
  const half = all.length >> 1
  const pieces = [all.subarray(0, half), all.subarray(half)]
  const transport: Transport.Transport = {
    whole: (request) => {
      sent.push(request)
      return Effect.succeed({ status, headers, body: pieces, broken: false })
    },
    open: (request) =>
      Effect.sync(() => {
        sent.push(request)
        const left = [...pieces]
        const body: Transport.BodyPull = Effect.suspend(() => {
          const next = left.shift()
          return next === undefined ? Cause.done() : Effect.succeed([next] as const)
        })
        return { status, headers, body }
      })
  }
  const client = HttpClient.make(() => Effect.die("nothing is sent this way"))
  return Object.assign(client, { [Transport.TypeId]: transport })
}
