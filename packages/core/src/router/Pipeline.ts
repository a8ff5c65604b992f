/**
 * What a call passes on its way, as a value: an application takes the default, adds a part of its own, removes or reorders
 * parts, and hands it to `Router.make`. Each part says by its type which services it needs; a pipeline whose services are
 * not there does not compile.
 *
 * A pipeline has two halves, with the attempt loop (tiers, retries, hedges, waiting, PICK) between them:
 *
 * - `call`: around the whole call, outermost first. Request middleware (cache, ladder) and gates of the router (load
 *   shedding), asked once per call and never by its retries.
 * - `attempt`: for every target. Gates of the target, in the order in which they are asked, and middleware around each
 *   attempt.
 *
 * A part out of place (a target's gate around a call) does not compile either.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Gate, Millis } from "../model/Gate.ts"
import { InvalidOption } from "../model/InvalidOption.ts"
import type { RouteError } from "../model/RouteError.ts"
import type { RouteRequest } from "../model/RouteRequest.ts"
import type { Target } from "../model/Target.ts"
import type { GatesOf } from "../state/Gates.ts"
import type { Answer, Attempt } from "./Answer.ts"

/** What a middleware may know of the router it stands in. */
export interface RouterInfo {
  readonly route: string
  /** Milliseconds, monotonic. */
  readonly now: () => Millis
  /** Is this part of the stream its terminal one? `undefined` when nobody said which one is. */
  readonly isEnd: ((part: unknown) => boolean) | undefined
  /** Did this stream break and begin anew or go on from another target (`BreakPolicy`)? Asked after its end. */
  readonly restarted: () => boolean
  /** For the record of a stream, whose parts cannot say it: another source than this call's own attempts. */
  readonly answeredFrom: (source: Exclude<Answer<unknown>["source"], "model">) => void
  /** Pays for one more round of attempts from the retry budget; false: it has none to spare. */
  readonly payForRetry: () => boolean
}

/** Around a whole call: may answer itself, change the request, or ask `next` several times. */
export interface RequestMiddleware {
  /** Calls for which this says false pass by at no cost. Default: all calls. */
  readonly applies?: (request: RouteRequest) => boolean
  /** For calls that answer once. Left out: they pass. */
  readonly route?: <A, E, R>(
    request: RouteRequest,
    next: (request: RouteRequest) => Effect.Effect<Answer<A>, E | RouteError, R>,
    router: RouterInfo
  ) => Effect.Effect<Answer<A>, E | RouteError, R>
  /** For streams. Left out: they pass. */
  readonly stream?: <A, E, R>(
    request: RouteRequest,
    next: (request: RouteRequest) => Stream.Stream<A, E | RouteError, R>,
    router: RouterInfo
  ) => Stream.Stream<A, E | RouteError, R>
}

/** Around every attempt, inside its permits and its clocks. */
export interface AttemptMiddleware {
  readonly route?: <A, E, R>(attempt: Attempt, next: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly stream?: <A, E, R>(attempt: Attempt, next: Stream.Stream<A, E, R>) => Stream.Stream<A, E, R>
}

interface Part<out Kind extends string, out Name extends string, out Made, out R> {
  readonly kind: Kind
  /** Unique in its pipeline; what `remove`, `replace` and `before` find it by. */
  readonly name: Name
  /** Once per router; what it acquires lives as long as the router. */
  readonly make: Effect.Effect<Made, never, R>
}

export interface RequestPart<out Name extends string = string, out R = unknown>
  extends Part<"request", Name, RequestMiddleware, R> {}
export interface RouterGatesPart<out Name extends string = string, out R = unknown>
  extends Part<"routerGates", Name, ReadonlyArray<Gate>, R> {}
export interface TargetGatesPart<out Name extends string = string, out R = unknown>
  extends Part<"targetGates", Name, GatesOf, R> {}
export interface AttemptMiddlewarePart<out Name extends string = string, out R = unknown>
  extends Part<"attempt", Name, AttemptMiddleware, R> {}

export type CallPart<Name extends string = string, R = unknown> = RequestPart<Name, R> | RouterGatesPart<Name, R>
export type AttemptPart<Name extends string = string, R = unknown> =
  | TargetGatesPart<Name, R>
  | AttemptMiddlewarePart<Name, R>
export type AnyPart = CallPart | AttemptPart

/** `P` is the union of its parts: their names are literals, their services are what the router will ask for. */
export interface Pipeline<out P extends AnyPart = AnyPart> {
  readonly call: ReadonlyArray<Extract<P, CallPart>>
  readonly attempt: ReadonlyArray<Extract<P, AttemptPart>>
}

/** What the parts need beyond the router's own scope. */
export type Services<P> = P extends Part<string, string, unknown, infer R> ? Exclude<R, Scope.Scope> : never

/** From what is written down and not from where: inside `make({ call: [...] })` a part needs no more than elsewhere. */
type NeedsOf<Made> = Made extends Effect.Effect<unknown, never, infer R> ? R : never

const toEffect = <A, Made>(made: Made): Effect.Effect<A, never, NeedsOf<Made>> =>
  (Effect.isEffect(made) ? made : Effect.succeed(made)) as Effect.Effect<A, never, NeedsOf<Made>>

/** Middleware around calls. */
export const request = <
  const Name extends string,
  Made extends RequestMiddleware | Effect.Effect<RequestMiddleware, never, unknown>
>(
  name: Name,
  middleware: Made
): RequestPart<Name, NeedsOf<Made>> => ({ kind: "request", name, make: toEffect<RequestMiddleware, Made>(middleware) })

/** Gates of the router: they admit each call once, before any target is looked at, and learn what became of it. */
export const routerGates = <const Name extends string, R = never>(
  name: Name,
  gates: Effect.Effect<ReadonlyArray<Gate>, never, R>
): RouterGatesPart<Name, R> => ({ kind: "routerGates", name, make: gates })

/** One gate of the router. `make` is called once per router. */
export const routerGate = <const Name extends string>(name: Name, make: () => Gate): RouterGatesPart<Name, never> =>
  routerGates(
    name,
    Effect.sync(() => [make()])
  )

/** Gates of every target. */
export const targetGates = <const Name extends string, R = never>(
  name: Name,
  gatesOf: Effect.Effect<GatesOf, never, R>
): TargetGatesPart<Name, R> => ({ kind: "targetGates", name, make: gatesOf })

/** One gate of every target. `make` is called once per target. */
export const targetGate = <const Name extends string>(
  name: Name,
  make: (target: Target) => Gate
): TargetGatesPart<Name, never> =>
  targetGates(
    name,
    Effect.succeed((target) => [make(target)])
  )

/** Middleware around every attempt. */
export const attempt = <
  const Name extends string,
  Made extends AttemptMiddleware | Effect.Effect<AttemptMiddleware, never, unknown>
>(
  name: Name,
  middleware: Made
): AttemptMiddlewarePart<Name, NeedsOf<Made>> => ({
  kind: "attempt",
  name,
  make: toEffect<AttemptMiddleware, Made>(middleware)
})

/** Throws `InvalidOption` when two parts have one name. */
export const make = <
  const Calls extends ReadonlyArray<CallPart>,
  const Attempts extends ReadonlyArray<AttemptPart>
>(parts: {
  /** Outermost first. */
  readonly call: Calls
  /** In the order in which they are asked. */
  readonly attempt: Attempts
}): Pipeline<Calls[number] | Attempts[number]> => checked(parts.call, parts.attempt)

const checked = <P extends AnyPart>(call: ReadonlyArray<AnyPart>, attempt: ReadonlyArray<AnyPart>): Pipeline<P> => {
  const names = new Set<string>()
  for (const part of [...call, ...attempt]) {
    const { name } = part
    if (names.has(name)) throw new InvalidOption("Pipeline: name of a part", "unique in its pipeline", name)
    names.add(name)
  }
  for (const part of call) {
    if (!isOfCall(part))
      throw new InvalidOption("Pipeline: part of the call half", "a request or routerGate", part.name)
  }
  for (const part of attempt) {
    if (isOfCall(part))
      throw new InvalidOption("Pipeline: part of the attempt half", "a targetGate or attempt", part.name)
  }
  return { call, attempt } as unknown as Pipeline<P>
}

/** As the last of its half: innermost around the call, last of the target's gates. */
export const append = <P extends AnyPart, const Q extends AnyPart>(pipeline: Pipeline<P>, part: Q): Pipeline<P | Q> =>
  isOfCall(part)
    ? checked([...pipeline.call, part], pipeline.attempt)
    : checked(pipeline.call, [...pipeline.attempt, part])

/** As the first of its half: outermost around the call, first of the target's gates. */
export const prepend = <P extends AnyPart, const Q extends AnyPart>(pipeline: Pipeline<P>, part: Q): Pipeline<P | Q> =>
  isOfCall(part)
    ? checked([part, ...pipeline.call], pipeline.attempt)
    : checked(pipeline.call, [part, ...pipeline.attempt])

/** Without the part of that name, and without what it needs. */
export const remove = <P extends AnyPart, const Name extends P["name"]>(
  pipeline: Pipeline<P>,
  name: Name
): Pipeline<Exclude<P, { readonly name: Name }>> => {
  mustHave(pipeline, name)
  const others = (parts: ReadonlyArray<AnyPart>) => parts.filter((part) => part.name !== name)
  return checked(others(pipeline.call), others(pipeline.attempt))
}

/** Another part in the place of the one of that name. Both belong to the same half. */
export const replace = <P extends AnyPart, const Name extends P["name"], const Q extends Peer<P, Name>>(
  pipeline: Pipeline<P>,
  name: Name,
  part: Q
): Pipeline<Exclude<P, { readonly name: Name }> | Q> => {
  mustHave(pipeline, name)
  const swapped = (parts: ReadonlyArray<AnyPart>) => parts.map((old) => (old.name === name ? part : old))
  return checked(swapped(pipeline.call), swapped(pipeline.attempt))
}

/** Right before (outside of) the part of that name. Both belong to the same half. */
export const before = <P extends AnyPart, const Name extends P["name"], const Q extends Peer<P, Name>>(
  pipeline: Pipeline<P>,
  name: Name,
  part: Q
): Pipeline<P | Q> => {
  mustHave(pipeline, name)
  const joined = (parts: ReadonlyArray<AnyPart>) => parts.flatMap((old) => (old.name === name ? [part, old] : [old]))
  return checked(joined(pipeline.call), joined(pipeline.attempt))
}

/** What may stand in the half in which the named part stands. */
type Peer<P extends AnyPart, Name extends string> =
  Extract<P, { readonly name: Name }> extends CallPart ? CallPart : AttemptPart

const isOfCall = (part: AnyPart): part is CallPart => part.kind === "request" || part.kind === "routerGates"

/** For plain JavaScript: TypeScript has checked it. */
const mustHave = (pipeline: Pipeline, name: string): void => {
  const names = [...pipeline.call, ...pipeline.attempt].map((part) => part.name)
  if (!names.includes(name)) throw new InvalidOption("Pipeline: name of a part", `one of ${names.join(", ")}`, name)
}
