/**
 * Provider streams that follow a script, and a count of how often each was opened and closed. Every part says which
 * attempt it comes from and its place in the answer, so that what arrives can be held against what was sent.
 */
import type { Attempt } from "@spillway/core/Router"
import { Cause, Channel, Duration, Effect, Exit, type Pull, Scope, Stream } from "effect"
import type { AiError } from "effect/ai"

export interface Part {
  readonly type: "start" | "text" | "finish" | "restart"
  readonly target: string
  /** Of the provider: which of the streams it opened. */
  readonly stream: number
  /** Place in that stream's answer; of a restart marker: parts handed over before the break. */
  readonly n: number
}

export type Step =
  | { readonly _tag: "Parts"; readonly types: ReadonlyArray<"start" | "text" | "finish"> }
  | { readonly _tag: "Wait"; readonly ms: number }
  | { readonly _tag: "Fail"; readonly error: AiError.AiError }
  | { readonly _tag: "Die" }
  | { readonly _tag: "Hang" }

export interface Script {
  /** Before the stream is there. */
  readonly opening: ReadonlyArray<Exclude<Step, { readonly _tag: "Parts" }>>
  /** After the last one the stream is over. */
  readonly steps: ReadonlyArray<Step>
  /** How long the finalizer takes, milliseconds. */
  readonly closeMs: number
  /** The finalizer dies when it is done. */
  readonly closeDies: boolean
  /** Waits do not listen to interruption. */
  readonly stubborn: boolean
  /** Closes by itself where the stream fails or ends; else whoever reads it has to close it. */
  readonly closesItself: boolean
}

export interface Opened {
  readonly target: string
  readonly script: Script
  /** Closing has begun so many times. */
  closing: number
  closed: number
}

export const parts = (...types: ReadonlyArray<"start" | "text" | "finish">): Step => ({ _tag: "Parts", types })
export const wait = (ms: number) => ({ _tag: "Wait", ms }) as const
export const fail = (error: AiError.AiError) => ({ _tag: "Fail", error }) as const
export const die = { _tag: "Die" } as const
export const hang = { _tag: "Hang" } as const

export const script = (steps: ReadonlyArray<Step>, options: Partial<Script> = {}): Script => ({
  opening: [],
  closeMs: 0,
  closeDies: false,
  stubborn: false,
  closesItself: false,
  ...options,
  steps
})

export const isContent = (part: Part): boolean => part.type === "text" || part.type === "finish"
export const isEnd = (part: Part): boolean => part.type === "finish"

/** What a consumer who reads everything is given. */
export const answerOf = (script: Script): Array<Part["type"]> =>
  script.steps.flatMap((step) => (step._tag === "Parts" ? step.types : []))

export class ProviderBug extends Error {}

const run = (step: Exclude<Step, { readonly _tag: "Parts" }>, stubborn: boolean) => {
  switch (step._tag) {
    case "Wait": {
      const sleep = Effect.sleep(Duration.millis(step.ms))
      return stubborn ? Effect.uninterruptible(sleep) : sleep
    }
    case "Fail":
      return Effect.fail(step.error)
    case "Die":
      return Effect.die(new ProviderBug("bug of the provider"))
    case "Hang":
      return Effect.never
  }
}

/** The n-th stream of a target follows its n-th script; the last script is repeated. */
export const make = (plans: Readonly<Record<string, ReadonlyArray<Script>>>) => {
  const opened: Array<Opened> = []
  const asked: Record<string, number> = {}

  const open = (attempt: Attempt<string, unknown>): Stream.Stream<Part, AiError.AiError> => {
    const target = attempt.target.id
    const scripts = plans[target] ?? []
    const index = asked[target] ?? 0
    asked[target] = index + 1
    const plan = scripts[Math.min(index, scripts.length - 1)]
    if (plan === undefined) return Stream.die(new Error(`no script for ${target}`))
    return plan.closesItself
      ? Stream.scoped(Stream.fromPull(Effect.flatMap(Effect.scope, (scope) => start(target, plan, scope))))
      : Stream.fromChannel(Channel.fromTransform((_upstream, scope: Scope.Scope) => start(target, plan, scope)))
  }

  const start = Effect.fnUntraced(function* (target: string, plan: Script, scope: Scope.Scope) {
    const stream = yield* Effect.uninterruptible(
      Effect.suspend(() => {
        const state: Opened = { target, script: plan, closing: 0, closed: 0 }
        return Effect.as(Scope.addFinalizer(scope, close(state)), opened.push(state) - 1)
      })
    )
    for (const step of plan.opening) yield* run(step, plan.stubborn)
    let at = 0
    let n = 0
    const pull: Pull.Pull<readonly [Part, ...Array<Part>], AiError.AiError> = Effect.suspend(() => {
      const step = plan.steps[at++]
      if (step === undefined) return Cause.done()
      if (step._tag !== "Parts") return Effect.andThen(run(step, plan.stubborn), pull)
      const [first, ...rest] = step.types.map((type): Part => ({ type, target, stream, n: n++ }))
      return first === undefined ? pull : Effect.succeed([first, ...rest] as const)
    })
    return pull
  })

  return {
    opened,
    open,
    problems: (): Array<string> =>
      opened.flatMap(({ closed, closing, target }, i) =>
        closing === 1 && closed === 1
          ? []
          : [`stream ${i} of ${target} was closed ${closing} times and ended closing ${closed} times`]
      )
  }
}

export type Provider = ReturnType<typeof make>

const close = (state: Opened) =>
  Effect.suspend(() => {
    state.closing++
    return Effect.flatMap(Effect.sleep(Duration.millis(state.script.closeMs)), () => {
      state.closed++
      return state.script.closeDies ? Effect.die(new ProviderBug("bug of the finalizer")) : Effect.void
    })
  })

/** Reads a stream into `into`, one part at a time. */
export const drain = <E, R>(stream: Stream.Stream<Part, E, R>, into: Array<Part>): Effect.Effect<void, E, R> =>
  Stream.runForEach(stream, (part) => Effect.sync(() => into.push(part)))

/** The reason of a `RouteError`, else what came instead. */
export const reasonOf = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "success"
  const error = Cause.squash(exit.cause)
  const reason = (error as { readonly reason?: { readonly _tag?: string } }).reason?._tag
  return reason ?? String(error)
}
