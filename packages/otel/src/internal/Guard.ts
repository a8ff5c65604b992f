/**
 * Keeps a throwing SDK away from a call: what throws is counted and said once through OpenTelemetry's own `diag`.
 */
import { diag } from "@opentelemetry/api"

export type Signal = "traces" | "metrics"

export interface Guard {
  /** The answer of `body`, or `undefined` when it threw. */
  readonly run: <A>(signal: Signal, body: () => A) => A | undefined
  readonly failed: (signal: Signal, error: unknown) => void
}

/** `count` may throw as well: it belongs to the SDK that just threw. */
export const make = (count: (signal: Signal) => void): Guard => {
  let said = false
  const failed = (signal: Signal, error: unknown) => {
    try {
      if (!said) {
        said = true
        diag.error(`@spillway/otel: the SDK threw while recording ${signal}; further errors are only counted`, error)
      }
      count(signal)
    } catch {
      // Nothing is left to tell it to.
    }
  }
  return {
    failed,
    run: (signal, body) => {
      try {
        return body()
      } catch (error) {
        failed(signal, error)
        return undefined
      }
    }
  }
}
