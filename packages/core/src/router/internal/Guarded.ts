/**
 * Telemetry that cannot hurt: what an observer throws never changes a call. The first error is printed as a warning on the
 * console, the rest are swallowed; a broken exporter must not become a second outage.
 */
import type { AttemptObserver, CallObserver, Telemetry } from "../../model/Telemetry.ts"

export const guarded = (telemetry: Telemetry): Telemetry => {
  let reported = false
  const run = <A>(body: () => A): A | undefined => {
    try {
      return body()
    } catch (error) {
      if (!reported) console.warn("Spillway: a telemetry observer threw; further errors are not shown.", error)
      reported = true
      return undefined
    }
  }

  // Spelled out, not spread: an observer may be an instance of a class.
  const attemptObserver = (observer: AttemptObserver): AttemptObserver => {
    const context = run(() => observer.context)
    return {
      ...(context === undefined ? undefined : { context }),
      ...(observer.run === undefined ? undefined : { run: (body) => around(observer, body) }),
      firstContent: () => run(() => observer.firstContent?.()),
      end: (record) => run(() => observer.end(record))
    }
  }

  /** What `body` throws is the call's own; an observer that throws before it is left out. */
  const around = <A>(observer: AttemptObserver, body: () => A): A => {
    let entered = false
    try {
      return observer.run === undefined
        ? body()
        : observer.run(() => {
            entered = true
            return body()
          })
    } catch (error) {
      if (entered) throw error
      run(() => {
        throw error
      })
      return body()
    }
  }

  const callObserver = (observer: CallObserver): CallObserver => ({
    attempt: (info) => {
      const attempt = run(() => observer.attempt(info))
      return attempt === undefined ? undefined : attemptObserver(attempt)
    },
    ...(observer.skipped === undefined
      ? undefined
      : { skipped: (target, reason) => run(() => observer.skipped?.(target, reason)) }),
    end: (record) => run(() => observer.end(record))
  })

  return {
    attach: (info) => run(() => telemetry.attach?.(info)),
    call: (info, context) => {
      const observer = run(() => telemetry.call(info, context))
      return observer === undefined ? undefined : callObserver(observer)
    },
    event: (target, event) => run(() => telemetry.event?.(target, event)),
    routerEvent: (route, event) => run(() => telemetry.routerEvent?.(route, event))
  }
}
