/// <reference types="node" />
/**
 * One request's way out: everything that is written, waited for or destroyed on its behalf goes through here, so that its
 * one timer ends with its socket and its end is accounted for exactly once.
 *
 * Waiting and writing answer `false` when the connection is gone: the caller just returns.
 */
import type { ServerResponse } from "node:http"
import type { Outcome } from "../RequestLog.ts"
import type { Entry } from "./RequestBook.ts"

/** The longest delay a timer of Node takes; more is "for ever". */
const longestTimer = 2 ** 31 - 1

export class Exchange {
  readonly #response: ServerResponse
  readonly #entry: Entry
  readonly #settled: (outcome: Outcome) => void
  readonly #releases: Array<() => void> = []
  #timer: ReturnType<typeof setTimeout> | undefined
  #wake: ((alive: boolean) => void) | undefined
  #alive = true
  #over = false
  #stalled = false

  constructor(response: ServerResponse, entry: Entry, settled: (outcome: Outcome) => void) {
    this.#response = response
    this.#entry = entry
    this.#settled = settled
    response.once("close", () => this.#closed())
    response.on("error", () => undefined) // "close" follows and says all there is to say
  }

  /** Runs `release` when the request is over. */
  whenDone(release: () => void): void {
    this.#releases.push(release)
  }

  /** The request is over, before its last bytes. Only the first call counts. */
  settle(outcome: Outcome): void {
    if (this.#over) return
    this.#over = true
    for (const release of this.#releases) release()
    this.#settled(outcome)
  }

  /** Waits until `due` on the clock of `performance.now`, never less. */
  async until(due: number): Promise<boolean> {
    for (let left = due - performance.now(); left > 0; left = due - performance.now()) {
      if (!(await this.#sleep(left))) return false
    }
    return this.#alive
  }

  #sleep(ms: number): Promise<boolean> {
    if (!this.#alive) return Promise.resolve(false)
    return new Promise((resolve) => {
      this.#wake = resolve
      if (ms > longestTimer) return // only the end of the connection wakes it
      this.#timer = setTimeout(() => this.#woken(true), Math.ceil(ms))
    })
  }

  #woken(alive: boolean): void {
    const wake = this.#wake
    this.#wake = undefined
    clearTimeout(this.#timer)
    wake?.(alive)
  }

  /** Sends status and headers at once. */
  head(status: number, headers: Readonly<Record<string, string | number>>): void {
    if (!this.#alive) return
    this.#entry.status = status
    this.#response.writeHead(status, headers)
    this.#response.flushHeaders()
  }

  /** Sends part of the body; waits while the client does not read. */
  write(data: string | Uint8Array): Promise<boolean> {
    if (!this.#alive || data.length === 0 || this.#response.write(data)) return Promise.resolve(this.#alive)
    return new Promise((resolve) => {
      this.#wake = resolve
      this.#response.once("drain", () => this.#woken(true))
    })
  }

  /** Sends `whole` in pieces of `bytes` bytes, each in a write and a turn of the event loop of its own. */
  async writePieces(whole: string | Uint8Array, bytes: number): Promise<boolean> {
    const data = typeof whole === "string" ? Buffer.from(whole) : whole
    for (let from = 0; from < data.length; from += bytes) {
      if (!(await this.write(data.subarray(from, from + bytes)))) return false
      await new Promise((resolve) => setImmediate(resolve))
    }
    return this.#alive
  }

  /** The last bytes, and a clean end. */
  end(outcome: Outcome, data: string | Uint8Array = ""): void {
    this.settle(outcome)
    if (this.#alive) this.#response.end(data)
  }

  /** A whole reply in one write. */
  reply(outcome: Outcome, status: number, headers: Readonly<Record<string, string | number>>, body: string): void {
    this.settle(outcome)
    if (!this.#alive) return
    this.#entry.status = status
    this.#response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) })
    this.#response.end(body)
  }

  /** A mistake in a script: status 500 where that is still possible. */
  fail(body: string): void {
    if (this.#response.headersSent) this.cut()
    else this.reply("error", 500, { "content-type": "application/json" }, body)
  }

  /** Closes the connection after what was written, without an end. */
  cut(): void {
    this.settle("cut")
    this.#response.socket?.destroySoon()
  }

  /** Destroys the connection: the client sees ECONNRESET. */
  reset(): void {
    this.settle("reset")
    this.#response.socket?.resetAndDestroy()
  }

  /** Falls silent until the client goes. With `everyMs`, `sign` is sent every so often. */
  async stall(everyMs = Number.POSITIVE_INFINITY, sign: string | Uint8Array = ""): Promise<void> {
    this.#stalled = true
    const begin = performance.now()
    for (let n = 1; await this.until(begin + n * everyMs); n++) await this.write(sign)
  }

  /** The server goes; it destroys the socket itself. */
  abandon(): void {
    this.settle(this.#stalled ? "stalled" : this.#response.headersSent ? "cut" : "reset")
    this.#closed()
  }

  #closed(): void {
    this.#alive = false
    this.#woken(false)
    this.settle(this.#stalled ? "stalled" : "client-closed")
  }
}
