/**
 * Five vendors, each with a server, a key and a dialect of its own, and models on them that do what a script says. What a
 * vendor was sent is kept, bodies too, and `hygiene` says what should not have been in it.
 */
import type { ProviderModel } from "@spillway/core"
import { Anthropic, Bedrock, Gemini, OpenAiCompatible, OpenAiResponses } from "@spillway/providers"
import { SigV4 } from "@spillway/providers/aws"
import { Undici } from "@spillway/providers/node"
import { Behaviour, FakeProvider, type RequestLog, RetryAfter } from "@spillway/providers/testing"
import { Effect, Layer, Redacted } from "effect"
import { FetchHttpClient, type HttpClient } from "effect/http"

export const dialects = ["chat", "responses", "messages", "gemini", "converse"] as const
export type Dialect = (typeof dialects)[number]

/** The vendor that stands in for `dialect`: always another one, `by` places further on. */
export const another = (dialect: Dialect, by = 1): Dialect =>
  dialects[(dialects.indexOf(dialect) + by) % dialects.length] ?? "chat"

type Model = ProviderModel.ProviderModel
type Make = (options: {
  readonly model: string
  readonly urls: FakeProvider.Urls
  readonly apiKey: Redacted.Redacted<string>
  /** Show who asks by a signature, where the vendor takes one. */
  readonly signs: boolean
}) => Effect.Effect<Model, never, HttpClient.HttpClient>

/** All claim to go on with an answer that was begun; whether they do is the script's. */
const capabilities = ["tools", "reasoning", "streaming", "prefill"] as const

const signer = SigV4.make({
  credentials: { accessKeyId: Redacted.make("the-id"), secretAccessKey: Redacted.make("the-key-of-converse") }
})

const makers: Record<Dialect, Make> = {
  chat: ({ signs: _, urls, ...rest }) => OpenAiCompatible.make({ ...rest, baseUrl: urls.openai, capabilities }),
  responses: ({ signs: _, urls, ...rest }) =>
    OpenAiResponses.make({ ...rest, baseUrl: urls.openai, capabilities, reasoningSummary: "auto" }),
  messages: ({ signs: _, urls, ...rest }) => Anthropic.make({ ...rest, baseUrl: urls.anthropic, capabilities }),
  gemini: ({ signs: _, urls, ...rest }) =>
    Gemini.make({ ...rest, baseUrl: urls.gemini, capabilities, thinking: { includeThoughts: true } }),
  converse: ({ apiKey, model, signs, urls }) =>
    Bedrock.make({
      ...(signs ? { signer } : { apiKey }),
      ...{ model, baseUrl: urls.bedrock, region: "eu-central-1", capabilities }
    })
}

/** How each vendor says "come back in 50 ms, 20 ms, …": the spellings it has, each so that it is about so long. */
export const hints: Record<Dialect, Readonly<Record<string, (ms: number) => RetryAfter.RetryAfter>>> = {
  chat: {
    "retry-after-ms": RetryAfter.milliseconds,
    "retry-after": (ms) => RetryAfter.seconds(ms / 1000),
    "x-ratelimit-reset": (ms) => RetryAfter.reset({ requests: ms })
  },
  responses: {
    "retry-after-ms": RetryAfter.milliseconds,
    "x-ratelimit-reset": (ms) => RetryAfter.reset({ tokens: ms })
  },
  messages: {
    "retry-after": (ms) => RetryAfter.seconds(ms / 1000),
    "anthropic-ratelimit-reset": (ms) => RetryAfter.resetAt({ tokens: ms })
  },
  gemini: { RetryInfo: (ms) => RetryAfter.retryInfo(ms / 1000) },
  converse: { "retry-after": (ms) => RetryAfter.seconds(ms / 1000) }
}

/** A model of one vendor. */
export interface Deployment {
  readonly dialect: Dialect
  readonly name: string
  readonly client: Model
  /** The requests that asked the script, oldest first. */
  readonly seen: ReadonlyArray<Behaviour.FakeRequest>
  readonly logged: () => ReadonlyArray<RequestLog.RequestLog>
  readonly count: () => number
  readonly script: (behaviour: Behaviour.Behaviour) => void
  readonly until: (condition: () => boolean) => Effect.Effect<void>
  /** Done when nobody asks this model any more. */
  readonly idle: Effect.Effect<void>
}

export interface Vendors {
  /** A new model at the vendor of `dialect`, of a name that nobody else has; asked with a wrong key, or not there at all. */
  readonly deploy: (
    dialect: Dialect,
    behaviour: Behaviour.Behaviour,
    mistake?: "key" | "model"
  ) => Effect.Effect<Deployment>
  /** Waits until no vendor has a request, then what is wrong with what they were sent since it was last asked. */
  readonly hygiene: Effect.Effect<ReadonlyArray<string>>
}

export const open = Effect.gen(function* () {
  const pooled = yield* Layer.build(Undici.layer())
  const fakes = new Map<Dialect, FakeProvider.FakeProvider>()
  for (const dialect of dialects) {
    fakes.set(dialect, yield* FakeProvider.make({ models: {}, apiKey: keyOf(dialect) }))
  }
  const fakeOf = (dialect: Dialect) => fakes.get(dialect) as FakeProvider.FakeProvider
  const bodies: Array<{ readonly dialect: Dialect; readonly request: Behaviour.FakeRequest }> = []
  /** Models that are asked with a wrong key, on purpose. */
  const strangers = new Set<string | undefined>()
  let models = 0

  const deploy: Vendors["deploy"] = (dialect, behaviour, mistake) =>
    Effect.gen(function* () {
      const fake = fakeOf(dialect)
      const name = `${dialect}-${models++}`
      const seen: Array<Behaviour.FakeRequest> = []
      const script = (behaviour: Behaviour.Behaviour) =>
        fake.script(
          name,
          Behaviour.choose((request) => {
            seen.push(request)
            bodies.push({ dialect, request })
            return behaviour
          })
        )
      if (mistake !== "model") script(behaviour)
      if (mistake === "key") strangers.add(name)
      // By turns: both ways of sending, and both of showing who asks.
      const isOther = models % 4 > 1
      const client = yield* makers[dialect]({
        model: name,
        urls: fake.urls,
        apiKey: Redacted.make(mistake === "key" ? "nobodys-key" : keyOf(dialect)),
        signs: isOther && mistake !== "key"
      }).pipe(isOther ? Effect.provide(pooled) : Effect.provide(FetchHttpClient.layer))
      const until = fake.until
      return {
        dialect,
        name,
        client,
        seen,
        logged: () => fake.requests.filter(({ model }) => model === name),
        count: () => fake.count(name),
        script,
        until,
        idle: until(() => fake.inFlight(name) === 0)
      } satisfies Deployment
    })

  const hygiene = Effect.gen(function* () {
    for (const fake of fakes.values()) yield* fake.idle
    const found = [
      ...dialects.flatMap((dialect) =>
        fakeOf(dialect)
          .requests.filter(({ model }) => !strangers.has(model))
          .flatMap((request) => wrongIn(dialect, request))
      ),
      ...bodies.flatMap(({ dialect, request }) => strangersIn(dialect, JSON.stringify(request.body))),
      ...dialects.filter((dialect) => fakeOf(dialect).inFlight() !== 0).map((dialect) => `${dialect} is still asked`)
    ]
    for (const fake of fakes.values()) fake.clear()
    bodies.length = 0
    return found
  })
  return { deploy, hygiene } satisfies Vendors
})

const keyOf = (dialect: Dialect) => `the-key-of-${dialect}`

const keyHeaders: Record<Dialect, string> = {
  chat: "authorization",
  responses: "authorization",
  messages: "x-api-key",
  gemini: "x-goog-api-key",
  converse: "authorization"
}

/** Not the one right key, or somebody's trace. */
const wrongIn = (dialect: Dialect, { authorized, headers, path }: RequestLog.RequestLog): ReadonlyArray<string> => {
  const at = `${dialect} ${path}`
  const keys = Object.keys(headers).filter((name) => headers[name] === "<redacted>")
  const known = ["traceparent", "tracestate", "baggage", "b3", "x-b3-traceid"].filter((name) => name in headers)
  return [
    ...(authorized ? [] : [`${at}: without the right key`]),
    ...(keys.length === 1 && keys[0] === keyHeaders[dialect] ? [] : [`${at}: keys in ${keys.join(", ")}`]),
    ...known.map((name) => `${at}: ${name}`)
  ]
}

/** What belongs to another vendor, or to nobody but us. The fake's signatures begin with its own name, in base64. */
const strangersIn = (dialect: Dialect, body: string): ReadonlyArray<string> => {
  const foreign = dialects.filter((other) => other !== dialect)
  const signatures = [...body.matchAll(/c3BpbGx3YXk6[A-Za-z0-9+/=]*/g)].map(([text]) => atob(text))
  return [
    ...(/spillway|the-key-of/.test(body) ? [`${dialect}: ${body} names what is not the vendor's`] : []),
    ...signatures
      .filter((signature) => foreign.some((other) => signature.startsWith(`spillway:${other}:`)))
      .map((signature) => `${dialect}: ${signature} in ${body}`)
  ]
}
