/**
 * Signs requests to AWS with Signature Version 4, for `Bedrock` without a Bedrock API key.
 *
 * The signature is the work of `aws4fetch`, an optional peer: install it beside this package. It was taken over AWS's own
 * `@smithy/signature-v4` because it has no dependency (that one brings 7 MB of `@smithy/core` and needs a hash class from
 * elsewhere), signs with WebCrypto, so in Node, browsers and at the edge alike, and takes the time as an argument. The tests
 * hold it against the published test suite of the algorithm.
 *
 * Credentials are `Redacted`, and are in no error, log or span. The time is Effect's `Clock`; AWS allows five minutes.
 *
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { InvalidOption, positive } from "@spillway/core/InvalidOption"
import { AwsV4Signer } from "aws4fetch"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Checks from "../internal/engine/OptionChecks.ts"
import * as CredentialCache from "./internal/CredentialCache.ts"
import { type Signer, SigningError, type SigningRequest } from "./Signer.ts"

export interface Credentials {
  readonly accessKeyId: Redacted.Redacted<string>
  readonly secretAccessKey: Redacted.Redacted<string>
  /** Of credentials that were made for a time. */
  readonly sessionToken?: Redacted.Redacted<string> | undefined
  /** Epoch milliseconds. Default: they do not end. */
  readonly expiration?: number | undefined
}

export interface Options {
  /**
   * The keys, or an effect that gets them. The effect is run when they are first needed and again before they end; calls
   * that come meanwhile wait for the same run. What it fails with is not shown. See `fromProvider`.
   */
  readonly credentials: Credentials | Effect.Effect<Credentials, unknown>
  /** How long before their end credentials are replaced, >= 0. Default 5 minutes. */
  readonly refreshBefore?: Duration.Input | undefined
  /** How long the effect may take, > 0. Default 30 seconds. */
  readonly timeout?: Duration.Input | undefined
}

/** Region and service come with the request. Throws `InvalidOption`. */
export const make = (options: Options): Signer => {
  Checks.object("SigV4: options", options, ["credentials", "refreshBefore", "timeout"])
  const refreshBefore = durationOf("refreshBefore", options.refreshBefore ?? "5 minutes", 0)
  const timeout = durationOf("timeout", options.timeout ?? "30 seconds", 1)
  const { credentials } = options
  const current = Effect.isEffect(credentials)
    ? CredentialCache.make(credentials, { refreshBefore, timeout })
    : always(checked(credentials))
  const keys = new Map<string, ArrayBuffer>()
  return (request) => Effect.flatMap(current, (credentials) => sign(request, credentials, keys))
}

/**
 * Credentials from a function of AWS's SDK, such as `fromNodeProviderChain()` of `@aws-sdk/credential-providers`, or any
 * other of that shape.
 *
 * **Example** (Whatever the machine has: environment, profile, role of the instance)
 *
 * ```ts
 * SigV4.make({ credentials: SigV4.fromProvider(fromNodeProviderChain()) })
 * ```
 */
export const fromProvider = (
  provider: () => PromiseLike<{
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string | undefined
    readonly expiration?: Date | undefined
  }>
): Effect.Effect<Credentials, SigningError> =>
  Effect.tryPromise({
    try: () => provider(),
    catch: () => new SigningError({ reason: "CredentialsUnavailable" })
  }).pipe(
    Effect.map(({ accessKeyId, expiration, secretAccessKey, sessionToken }) => ({
      accessKeyId: Redacted.make(accessKeyId),
      secretAccessKey: Redacted.make(secretAccessKey),
      sessionToken: sessionToken === undefined ? undefined : Redacted.make(sessionToken),
      expiration: expiration?.getTime()
    }))
  )

/**
 * A signer with the keys from configuration: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, where there is one,
 * `AWS_SESSION_TOKEN`. They are read once.
 */
export const config: Config.Config<Signer> = Config.map(
  Config.all({
    accessKeyId: Config.Redacted("AWS_ACCESS_KEY_ID"),
    secretAccessKey: Config.Redacted("AWS_SECRET_ACCESS_KEY"),
    sessionToken: Config.Redacted("AWS_SESSION_TOKEN").pipe(Config.withDefault(undefined))
  }),
  (credentials) => make({ credentials })
)

const durationOf = (name: string, input: Duration.Input, minimum: number): Duration.Duration => {
  const duration = Option.getOrUndefined(Duration.fromInput(input))
  if (duration !== undefined && Duration.toMillis(duration) >= minimum) return duration
  throw new InvalidOption(`SigV4: ${name}`, `a duration of at least ${minimum} ms, such as "30 seconds"`, input)
}

/** Nobody makes new ones: what has ended is not sent. */
const always = (credentials: Credentials): Effect.Effect<Credentials, SigningError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    credentials.expiration !== undefined && credentials.expiration <= now
      ? Effect.fail(new SigningError({ reason: "CredentialsExpired" }))
      : Effect.succeed(credentials)
  )

const fields = ["accessKeyId", "secretAccessKey", "sessionToken"] as const

/** The first field that cannot be sent. */
const unfit = (credentials: Credentials) =>
  fields.find((name) => {
    const value: unknown = credentials[name]
    if (value === undefined && name === "sessionToken") return false
    const key: unknown = Redacted.isRedacted(value) ? Redacted.value(value) : undefined
    return typeof key !== "string" || !/^[\x21-\x7e]+$/.test(key)
  })

const hidden: unknown = Symbol("a value, hidden")

// No value goes into the error: it would be the key.
const checked = (credentials: Credentials): Credentials => {
  if (!Checks.isObject(credentials)) {
    const given = credentials === undefined ? credentials : hidden
    throw new InvalidOption("SigV4: credentials", "keys, or an effect that gets them", given, "See SigV4.fromProvider")
  }
  Checks.object("SigV4: credentials", credentials, [...fields, "expiration"])
  const { expiration } = credentials
  if (expiration !== undefined) positive("SigV4: credentials.expiration", expiration)
  const name = unfit(credentials)
  if (name === undefined) return credentials
  throw new InvalidOption(`SigV4: credentials.${name}`, "a Redacted key of visible ASCII characters", hidden)
}

/** Keys of a day, a region and a service, by what they are derived from; few are ever in use. */
const mostKeys = 8

const sign = (request: SigningRequest, credentials: Credentials, cache: Map<string, ArrayBuffer>) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    if (unfit(credentials) !== undefined) return Effect.fail(new SigningError({ reason: "CredentialsInvalid" }))
    if (cache.size >= mostKeys) cache.clear()
    const { body, headers, method, region, service, url } = request
    const signer = new AwsV4Signer({
      ...{ method, url, region, service, cache },
      ...(body === undefined ? undefined : { body }),
      accessKeyId: Redacted.value(credentials.accessKeyId),
      secretAccessKey: Redacted.value(credentials.secretAccessKey),
      ...(credentials.sessionToken === undefined
        ? undefined
        : { sessionToken: Redacted.value(credentials.sessionToken) }),
      // What AWS wants signed, and nothing that may change on the way.
      headers: Object.fromEntries(Object.entries(headers).filter(([name]) => /^(content-type$|x-amz)/.test(name))),
      allHeaders: true,
      datetime: new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, "")
    })
    return Effect.map(
      Effect.promise(() => signer.sign()),
      (signed) => {
        const token = signed.headers.get("x-amz-security-token")
        return {
          authorization: Redacted.make(signed.headers.get("authorization") ?? ""),
          "x-amz-date": signed.headers.get("x-amz-date") ?? "",
          ...(token === null ? undefined : { "x-amz-security-token": Redacted.make(token) })
        }
      }
    )
  })
