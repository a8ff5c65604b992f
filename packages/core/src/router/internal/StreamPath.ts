/** A streamed call as a stream: it enters when the stream is run, and ends with the scope of whoever reads it. */
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { RouteError } from "../../model/RouteError.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import type { Attempt } from "./Attempt.ts"
import { Call } from "./Call.ts"
import type { Core } from "./Core.ts"
import type { StreamOptions } from "./StreamOptions.ts"
import { StreamSession } from "./StreamSession.ts"

export const streamPath = <Id extends string, C, A, E, R>(
  core: Core<Id, C>,
  request: RouteRequest,
  open: (attempt: Attempt<Id, C>) => Stream.Stream<A, E, R>,
  options: StreamOptions<A>
): Stream.Stream<A, E | RouteError, R> =>
  Stream.fromChannel(
    Channel.fromTransform((_upstream, scope: Scope.Scope) =>
      // Uninterruptible, so that a call that has entered always has somebody to end it.
      Effect.uninterruptible(
        Effect.withFiber((fiber) => {
          const call = new Call(core, request, fiber.context, true)
          // Also while nothing is being waited for: a consumer may take its time between parts that are there at once.
          call.armDeadline()
          // What the streams need is in the caller's context, which the compiler saw in the signature above.
          const session = new StreamSession<Id, C, A, E>(
            call,
            open as (attempt: Attempt<Id, C>) => Stream.Stream<A, E>,
            options
          )
          return Effect.as(
            Scope.addFinalizerExit(scope, () => session.close()),
            session.pull
          )
        })
      )
    )
  )
