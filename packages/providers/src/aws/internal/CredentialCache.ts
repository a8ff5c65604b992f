/**
 * Credentials that are made for a time: asked for once, whoever waits, and again some time before they end.
 *
 * While credentials still hold, nobody has to suffer from a provider that fails: the old ones are used, and it is asked again
 * after `pause`. A provider that fails without such a reserve is asked again by the next request, one at a time. One set of
 * credentials is kept, no more.
 */
import * as Cache from "effect/Cache"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { SigningError } from "../Signer.ts"

export interface Expiring {
  /** Epoch milliseconds; `undefined`: never. */
  readonly expiration?: number | undefined
}

export interface Options {
  readonly refreshBefore: Duration.Duration
  readonly timeout: Duration.Duration
}

/** Between two questions while the old credentials hold, at least. */
const pause = Duration.seconds(10)

interface Held<A> {
  readonly credentials: A
  /** From now, until they are asked for again. */
  readonly holdsFor: Duration.Duration
}

export const make = <A extends Expiring>(
  provider: Effect.Effect<A, unknown>,
  options: Options
): Effect.Effect<A, SigningError> => {
  let last: A | undefined

  const lookup = Effect.withFiber<Held<A>, SigningError>((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const left = (credentials: A) =>
      credentials.expiration === undefined
        ? Number.POSITIVE_INFINITY
        : credentials.expiration - clock.currentTimeMillisUnsafe()
    // What a provider says of its failure may hold a key, or a token.
    const asked = provider.pipe(
      Effect.timeout(options.timeout),
      Effect.catchCause(() => Effect.fail(new SigningError({ reason: "CredentialsUnavailable" }))),
      Effect.filterOrFail(
        (credentials) => left(credentials) > 0,
        () => new SigningError({ reason: "CredentialsExpired" })
      ),
      Effect.map((credentials): Held<A> => {
        last = credentials
        const early = left(credentials) - Duration.toMillis(options.refreshBefore)
        // Credentials that live shorter than that are not asked for at each request.
        return { credentials, holdsFor: atLeast(early, Math.min(Duration.toMillis(pause), left(credentials))) }
      })
    )
    return Effect.catch(asked, (error) => {
      const reserve = last === undefined ? 0 : left(last)
      if (last === undefined || reserve <= 0) return Effect.fail(error)
      return Effect.succeed({ credentials: last, holdsFor: Duration.min(pause, Duration.millis(reserve)) })
    })
  })

  const cache = Effect.runSync(
    Cache.makeWith<"credentials", Held<A>, SigningError>(() => lookup, {
      capacity: 1,
      timeToLive: (exit) => (Exit.isSuccess(exit) ? exit.value.holdsFor : Duration.zero)
    })
  )
  return Effect.map(Cache.get(cache, "credentials"), ({ credentials }) => credentials)
}

const atLeast = (millis: number, minimum: number): Duration.Duration =>
  millis === Number.POSITIVE_INFINITY ? Duration.infinity : Duration.millis(Math.max(millis, minimum))
