/**
 * One request on undici's dispatcher, without the objects that its `request` and `fetch` put in between: those are half of
 * what a call costs. `WholeExchange` collects a body, `StreamExchange` hands it out as it comes and stops reading from the
 * socket while nobody takes it.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Dispatcher } from "undici"
import * as Transport from "../../internal/http/Transport.ts"
import type { Starts } from "./Starts.ts"

type Controller = Dispatcher.DispatchController
type RawHeaders = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

/** Bytes that may wait for their reader before the socket is left alone, and what a chunk costs besides its bytes. */
const highWater = 256 * 1024
const perChunk = 128

export abstract class Exchange implements Dispatcher.DispatchHandler {
  #controller: Controller | undefined
  readonly #starts: Starts
  /** The caller has gone. */
  aborted = false

  constructor(starts: Starts) {
    this.#starts = starts
  }

  /** Ends the request; its socket is closed. Does nothing once the answer is complete. */
  abort(): void {
    if (this.over) return
    this.aborted = true
    this.#controller?.abort(gone)
  }

  /** The last byte has come, or the request has failed. */
  protected over = false

  onRequestStart(controller: Controller): void {
    // Thrown, not aborted: nothing has been written, and an abort would cost a good socket.
    if (this.aborted) throw gone
    this.#controller = controller
  }

  onResponseStart(controller: Controller, status: number, headers: RawHeaders): void {
    // `103 Early Hints` and the like: the answer is still to come.
    if (status < 200) return
    const encoding = headers["content-encoding"]
    if (status < 300 && encoding !== undefined && encoding !== "" && encoding !== "identity") {
      this.fail(packed)
      controller.abort(packed)
    } else this.opened(status, plain(headers))
  }

  onResponseEnd(): void {
    this.over = true
    this.#starts.ended()
    this.complete()
  }

  onResponseError(_controller: Controller, error: Error): void {
    this.fail(error)
  }

  /** The request, or what had come of its answer, is lost. */
  fail(cause: unknown): void {
    if (this.over) return
    this.over = true
    this.failed(Transport.failure(cause))
  }

  protected get controller(): Controller | undefined {
    return this.#controller
  }

  protected abstract opened(status: number, headers: Transport.AnswerHeaders): void
  abstract onResponseData(controller: Controller, chunk: Uint8Array): void
  protected abstract complete(): void
  protected abstract failed(failure: Transport.TransportFailure): void
}

/** Made once: a stack says nothing about them. */
const gone = new Error("The call has ended")
const packed = Object.assign(new Error("The answer is compressed"), { code: "CONTENT_ENCODING" })

export class WholeExchange extends Exchange {
  readonly #resume: (result: Effect.Effect<Transport.Whole, Transport.TransportFailure>) => void
  readonly #body: Array<Uint8Array> = []
  #left: number
  #status = 0
  #headers: Transport.AnswerHeaders = {}

  constructor(
    starts: Starts,
    resume: (result: Effect.Effect<Transport.Whole, Transport.TransportFailure>) => void,
    limit: number
  ) {
    super(starts)
    this.#resume = resume
    this.#left = limit
  }

  protected opened(status: number, headers: Transport.AnswerHeaders): void {
    this.#status = status
    this.#headers = headers
  }

  onResponseData(_controller: Controller, chunk: Uint8Array): void {
    this.#body.push(chunk.byteLength > this.#left ? chunk.subarray(0, this.#left) : chunk)
    this.#left -= chunk.byteLength
    if (this.#left > 0) return
    this.#done(false)
    this.abort()
  }

  protected complete(): void {
    this.#done(false)
  }

  protected failed(failure: Transport.TransportFailure): void {
    if (this.#status === 0) this.#resume(Effect.fail(failure))
    else this.#done(true)
  }

  #done(broken: boolean): void {
    this.#resume(Effect.succeed({ status: this.#status, headers: this.#headers, body: this.#body, broken }))
  }
}

export class StreamExchange extends Exchange {
  #resume: ((result: Effect.Effect<Transport.Opened, Transport.TransportFailure>) => void) | undefined
  #queue: Array<Uint8Array> = []
  #queued = 0
  #paused = false
  #opened = false
  /** Set once: how the body ended. */
  #end: Transport.BodyPull | undefined
  #wake: ((pull: Transport.BodyPull) => void) | undefined

  /** Who waits for the headers. */
  onOpened(resume: (result: Effect.Effect<Transport.Opened, Transport.TransportFailure>) => void): void {
    this.#resume = resume
  }

  protected opened(status: number, headers: Transport.AnswerHeaders): void {
    this.#opened = true
    this.#resume?.(Effect.succeed({ status, headers, body: this.#body }))
  }

  onResponseData(controller: Controller, chunk: Uint8Array): void {
    this.#queue.push(chunk)
    this.#queued += chunk.byteLength + perChunk
    if (this.#queued > highWater && !this.#paused) {
      this.#paused = true
      controller.pause()
    }
    this.#woken()
  }

  protected complete(): void {
    this.#end = Cause.done()
    this.#woken()
  }

  protected failed(failure: Transport.TransportFailure): void {
    if (!this.#opened) return this.#resume?.(Effect.fail(failure))
    this.#end = Effect.fail(failure)
    this.#woken()
  }

  /** What is there now, whole; else the next chunk. What has come is given out before what ended it. */
  readonly #body: Transport.BodyPull = Effect.suspend((): Transport.BodyPull => {
    const queue = this.#queue
    if (Arr.isArrayNonEmpty(queue)) {
      this.#queue = []
      this.#queued = 0
      if (this.#paused) {
        this.#paused = false
        // Not in this turn: we may stand in the parser of another answer, which woke this fiber, and undici has one buffer.
        queueMicrotask(() => this.controller?.resume())
      }
      return Effect.succeed(queue)
    }
    return this.#end ?? this.#next
  })

  readonly #next: Transport.BodyPull = Effect.callback((resume) => {
    this.#wake = resume
    return Effect.sync(() => {
      this.#wake = undefined
    })
  })

  #woken(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.(this.#body)
  }
}

const plain = (headers: RawHeaders): Transport.AnswerHeaders => {
  const flat: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) flat[name] = typeof value === "string" ? value : value.join(", ")
  }
  return flat
}
