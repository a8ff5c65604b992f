/**
 * What a simulated provider fails with: shaped as an SDK's error, so that classifiers read status and headers as they do in
 * production. It has no stack: many are made.
 */
export class ProviderError {
  /** `AiError` for a connection that was cut, with the reason that providers give then. */
  readonly _tag: "ProviderError" | "AiError"
  readonly reason: { readonly _tag: "NetworkError" } | undefined
  /** HTTP status; `undefined` when the connection was cut. */
  readonly status: number | undefined
  /** `ECONNRESET` when the connection was cut. */
  readonly code: string | undefined
  /** `retry-after`, seconds, where the provider says so. */
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number | undefined, retryAfterSeconds?: number) {
    this._tag = status === undefined ? "AiError" : "ProviderError"
    this.reason = status === undefined ? cut : undefined
    this.status = status
    this.code = status === undefined ? "ECONNRESET" : undefined
    this.headers = retryAfterSeconds === undefined ? none : { "retry-after": String(retryAfterSeconds) }
  }

  /** For statistics: the status, or `Cut`. */
  get type(): string {
    return this.status === undefined ? "Cut" : String(this.status)
  }

  get message(): string {
    return this.status === undefined ? "The connection was cut" : `The provider answered ${this.status}`
  }
}

const cut = { _tag: "NetworkError" } as const
const none: Readonly<Record<string, string>> = {}
