/** A provider's answer as a stream of two parts, its first content and its end: enough to see both times. */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Attempt } from "../../../router/Answer.ts"
import type { ProviderError } from "../ProviderError.ts"
import type { Listener } from "./Ask.ts"
import type { SimCall } from "./SimCall.ts"
import type { Bound, World } from "./World.ts"

export type Part = "content" | "end" | "restart"

type Parts = readonly [Part]
type Pulled = Effect.Effect<Parts, ProviderError | Cause.Done>

const content: Pulled = Effect.succeed(["content"])
const end: Pulled = Effect.succeed(["end"])
const over: Pulled = Cause.done()

/** What has arrived and was not pulled yet; whoever pulls before waits. */
class Feed implements Listener {
  readonly #arrived: Array<Pulled> = []
  #waiting: ((part: Pulled) => void) | undefined = undefined
  readonly #done: () => void

  constructor(done: () => void) {
    this.#done = done
  }

  readonly pull: Pulled = Effect.callback((resume) => {
    const part = this.#arrived.shift()
    if (part === undefined) this.#waiting = resume
    else resume(part)
  })

  content(): void {
    this.#put(content)
  }

  done(): void {
    this.#done()
    this.#put(end)
    this.#put(over)
  }

  failed(error: ProviderError): void {
    this.#put(Effect.fail(error))
  }

  #put(part: Pulled): void {
    const resume = this.#waiting
    this.#waiting = undefined
    if (resume === undefined) this.#arrived.push(part)
    else resume(part)
  }
}

export const answerStream = (
  world: World,
  call: SimCall,
  attempt: Attempt<string, Bound>
): Stream.Stream<Part, ProviderError> =>
  Stream.fromChannel(
    Channel.fromTransform((_upstream, scope: Scope.Scope) =>
      Effect.suspend(() => {
        const feed = new Feed(() => attempt.report({ inputTokens: call.inputTokens, outputTokens: call.outputTokens }))
        const ask = world.begin(call, attempt.client, feed)
        return Effect.as(
          Scope.addFinalizer(
            scope,
            Effect.sync(() => ask.giveUp(world.timeline.now))
          ),
          feed.pull
        )
      })
    )
  )
