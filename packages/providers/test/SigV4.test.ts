import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { InvalidOption } from "@spillway/core/InvalidOption"
import { Cause, ConfigProvider, Deferred, Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import type { Signer, SigningRequest } from "../src/aws/Signer.ts"
import * as SigV4 from "../src/aws/SigV4.ts"

/** Of the published test suite. */
const suite: SigV4.Credentials = {
  accessKeyId: Redacted.make("AKIDEXAMPLE"),
  secretAccessKey: Redacted.make("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
}
const suiteTime = Date.UTC(2015, 7, 30, 12, 36, 0)
const suiteRequest: SigningRequest = {
  method: "GET",
  url: "https://example.amazonaws.com/",
  headers: {},
  body: undefined,
  region: "us-east-1",
  service: "service"
}

const authorizationOf = (signer: Signer, request: Partial<SigningRequest> = {}) =>
  Effect.map(signer({ ...suiteRequest, ...request }), ({ authorization }) =>
    Redacted.isRedacted(authorization) ? Redacted.value(authorization) : assert.fail("the signature is not hidden")
  )

const keyIdOf = (signer: Signer) =>
  Effect.map(authorizationOf(signer), (text) => /Credential=([^/]+)\//.exec(text)?.[1] ?? "")

/** A set of credentials that tells which it is. */
const numbered = (n: number, expiration?: number): SigV4.Credentials => ({
  ...suite,
  accessKeyId: Redacted.make(`K${n}`),
  expiration
})

describe("SigV4", () => {
  it.effect("signs the requests of the published test suite", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(suiteTime)
      const signer = SigV4.make({ credentials: suite })
      const form = { "content-type": "application/x-www-form-urlencoded" }
      const cases: ReadonlyArray<
        readonly [name: string, request: Partial<SigningRequest>, signed: string, signature: string]
      > = [
        ["get-vanilla", {}, "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
        [
          "get-vanilla-query-order-key-case",
          { url: "https://example.amazonaws.com/?Param2=value2&Param1=value1" },
          "host;x-amz-date",
          "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        ],
        [
          "post-vanilla",
          { method: "POST" },
          "host;x-amz-date",
          "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        ],
        [
          "post-x-www-form-urlencoded",
          { method: "POST", headers: form, body: "Param1=value1" },
          "content-type;host;x-amz-date",
          "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        ]
      ]
      for (const [name, request, signed, signature] of cases) {
        assert.strictEqual(
          yield* authorizationOf(signer, request),
          `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${signed}, Signature=${signature}`,
          name
        )
      }
    })
  )

  it.effect("gives the date and the session token along, the token signed and hidden", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(suiteTime + 999)
      const signer = SigV4.make({ credentials: { ...suite, sessionToken: Redacted.make("token==") } })
      const headers = yield* signer({ ...suiteRequest, headers: { accept: "x", "user-agent": "y" } })
      assert.strictEqual(headers["x-amz-date"], "20150830T123600Z")
      assert.deepStrictEqual(Object.keys(headers).sort(), ["authorization", "x-amz-date", "x-amz-security-token"])
      const token = headers["x-amz-security-token"]
      assert.strictEqual(Redacted.isRedacted(token) && Redacted.value(token), "token==")
      const { authorization } = headers
      assert.include(
        Redacted.isRedacted(authorization) ? Redacted.value(authorization) : "",
        "SignedHeaders=host;x-amz-date;x-amz-security-token,"
      )
    })
  )

  it.effect("asks for credentials once, whoever waits, and again before they end", () =>
    Effect.gen(function* () {
      let asked = 0
      const hour = 3_600_000
      const credentials = Effect.gen(function* () {
        const n = ++asked
        yield* Effect.sleep("1 second")
        return numbered(n, n * hour)
      })
      const signer = SigV4.make({ credentials })
      const waiting = yield* Effect.all(
        Array.from({ length: 5 }, () => keyIdOf(signer)),
        { concurrency: "unbounded" }
      ).pipe(Effect.forkChild)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(waiting), ["K1", "K1", "K1", "K1", "K1"])
      yield* TestClock.setTime(hour - 5 * 60_000 - 1)
      assert.strictEqual(yield* keyIdOf(signer), "K1")
      assert.strictEqual(asked, 1)
      yield* TestClock.setTime(hour - 5 * 60_000 + 1)
      const next = yield* Effect.forkChild(keyIdOf(signer))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(next), "K2")
      assert.strictEqual(asked, 2)
    })
  )

  it.effect("uses credentials that still hold when new ones cannot be had, and then no more", () =>
    Effect.gen(function* () {
      let asked = 0
      let working = true
      const credentials = Effect.suspend(() =>
        working ? Effect.succeed(numbered(++asked, 600_000)) : Effect.fail(`no: ${++asked}`)
      )
      const signer = SigV4.make({ credentials })
      assert.strictEqual(yield* keyIdOf(signer), "K1")
      working = false
      yield* TestClock.setTime(400_000)
      // Asked again at most every ten seconds.
      for (let i = 0; i < 5; i++) assert.strictEqual(yield* keyIdOf(signer), "K1")
      assert.strictEqual(asked, 2)
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual(yield* keyIdOf(signer), "K1")
      assert.strictEqual(asked, 3)
      yield* TestClock.setTime(600_000)
      assert.strictEqual((yield* Effect.flip(keyIdOf(signer))).reason, "CredentialsUnavailable")
      working = true
      const expired = yield* Effect.flip(keyIdOf(signer))
      assert.strictEqual(expired.reason, "CredentialsExpired")
    })
  )

  it.effect("does not ask for short-lived credentials at each request", () =>
    Effect.gen(function* () {
      let asked = 0
      const signer = SigV4.make({
        credentials: Effect.clockWith((clock) =>
          Effect.sync(() => numbered(++asked, clock.currentTimeMillisUnsafe() + 60_000))
        )
      })
      for (let i = 0; i < 5; i++) assert.strictEqual(yield* keyIdOf(signer), "K1")
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual(yield* keyIdOf(signer), "K2")
    })
  )

  it.effect("waits for credentials a bounded time, and a caller that leaves takes nobody's away", () =>
    Effect.gen(function* () {
      const never = SigV4.make({ credentials: Effect.never, timeout: "3 seconds" })
      const waiting = yield* Effect.forkChild(Effect.flip(keyIdOf(never)))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(waiting)).reason, "CredentialsUnavailable")

      const gate = yield* Deferred.make<SigV4.Credentials>()
      let interrupted = 0
      const signer = SigV4.make({
        credentials: Effect.onInterrupt(Deferred.await(gate), () => Effect.sync(() => void interrupted++))
      })
      const first = yield* Effect.forkChild(keyIdOf(signer), { startImmediately: true })
      const second = yield* Effect.forkChild(keyIdOf(signer), { startImmediately: true })
      yield* Fiber.interrupt(first)
      assert.strictEqual(interrupted, 0)
      yield* Deferred.succeed(gate, suite)
      assert.strictEqual(yield* Fiber.join(second), "AKIDEXAMPLE")
    })
  )

  it.effect("takes the providers of AWS's SDK", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(suiteTime)
      const identity = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: Redacted.value(suite.secretAccessKey) }
      const signer = SigV4.make({ credentials: SigV4.fromProvider(() => Promise.resolve(identity)) })
      assert.include(yield* authorizationOf(signer), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")
      const over = { ...identity, expiration: new Date(suiteTime - 1) }
      const expired = SigV4.make({ credentials: SigV4.fromProvider(() => Promise.resolve(over)) })
      assert.strictEqual((yield* Effect.flip(keyIdOf(expired))).reason, "CredentialsExpired")
    })
  )

  it.effect("shows nothing of a provider that fails, nor of keys that cannot be sent", () =>
    Effect.gen(function* () {
      const secret = "wJalr-secret"
      const bad: ReadonlyArray<Effect.Effect<SigV4.Credentials, unknown>> = [
        SigV4.fromProvider(() => Promise.reject(new Error(secret))),
        SigV4.fromProvider(() => {
          throw new Error(secret)
        }),
        Effect.die(new Error(secret)),
        Effect.fail(secret),
        Effect.succeed({ ...suite, secretAccessKey: Redacted.make(`${secret}\n`) }),
        Effect.succeed({ ...suite, sessionToken: Redacted.make("") }),
        SigV4.fromProvider(() => Promise.resolve({ accessKeyId: secret } as never))
      ]
      for (const credentials of bad) {
        const error = yield* Effect.flip(keyIdOf(SigV4.make({ credentials })))
        assert.strictEqual(error._tag, "SigningError")
        const printed = [
          inspect(error, { depth: 20 }),
          String(error),
          JSON.stringify(error),
          Cause.pretty(Cause.fail(error))
        ]
        assert.notInclude(printed.join("\n"), secret)
      }
    })
  )

  it("refuses options it cannot work with, and does not quote them", () => {
    const secret = "wJalr-secret"
    const bad: ReadonlyArray<SigV4.Options> = [
      { credentials: { ...suite, secretAccessKey: secret as never } },
      { credentials: { ...suite, accessKeyId: Redacted.make("") } },
      { credentials: { ...suite, sessionToken: Redacted.make(`${secret} `) } },
      {} as never,
      undefined as never,
      { credentials: null as never },
      { credentials: secret as never },
      secret as never,
      { credentials: { ...suite, sesionToken: Redacted.make(secret) } as never },
      { credentials: { ...suite, expiration: Number.NaN } },
      { credentials: suite, region: secret } as never,
      { credentials: suite, timeout: 0 },
      { credentials: suite, timeout: "5s" as never },
      { credentials: suite, refreshBefore: -1 }
    ]
    for (const options of bad) {
      let error: unknown
      try {
        SigV4.make(options)
      } catch (caught) {
        error = caught
      }
      assert.instanceOf(error, InvalidOption)
      assert.notInclude(`${String(error)}${inspect(error, { depth: 9 })}`, secret)
    }
  })

  it.effect("takes static credentials until they end, and keys from configuration", () =>
    Effect.gen(function* () {
      const signer = SigV4.make({ credentials: { ...suite, expiration: 1000 } })
      assert.strictEqual(yield* keyIdOf(signer), "AKIDEXAMPLE")
      yield* TestClock.setTime(1000)
      assert.strictEqual((yield* Effect.flip(keyIdOf(signer))).reason, "CredentialsExpired")

      const env = (more: object) =>
        ConfigProvider.layer(
          ConfigProvider.fromUnknown({ AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "s", ...more })
        )
      const plain = yield* Effect.provide(SigV4.config, env({}))
      assert.notProperty(yield* plain(suiteRequest), "x-amz-security-token")
      const session = yield* Effect.provide(SigV4.config, env({ AWS_SESSION_TOKEN: "t" }))
      assert.property(yield* session(suiteRequest), "x-amz-security-token")
      const missing = yield* SigV4.config.pipe(
        Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({}))),
        Effect.flip
      )
      assert.strictEqual(missing._tag, "ConfigError")
    })
  )
})
