/**
 * A provider of language models that is not one: an HTTP server on loopback that speaks the dialects of the large vendors
 * and does what a script says: answers, waits, refuses, lies, breaks. Test your own routing against it. One script serves
 * a model in every dialect, so that a pool of several vendors can be tested without any of them.
 *
 * It is a real server with real sockets and real timers: `TestClock` does not move it. Its chance is seeded: the same seed
 * and the same order of requests give the same behaviour.
 *
 * | base URL         | key                                        | routes, POST where not said                            |
 * | ---------------- | ------------------------------------------ | ------------------------------------------------------ |
 * | `urls.openai`    | `Authorization: Bearer`                    | `/chat/completions`, `/responses`, `/embeddings`,      |
 * |                  |                                            | GET `/models`, GET `/models/{model}`                   |
 * | `urls.azure`     | `api-key` or Bearer                        | the same                                               |
 * | `urls.anthropic` | `x-api-key` or Bearer                      | `/messages`, `/messages/count_tokens`, GET as OpenAI's |
 * | `urls.gemini`    | `x-goog-api-key`                           | `/models/{model}:generateContent`, `:countTokens`,     |
 * |                  |                                            | `:streamGenerateContent?alt=sse`, `:embedContent`,     |
 * |                  |                                            | `:batchEmbedContents`, GET as OpenAI's                 |
 * | `urls.bedrock`   | Bearer or a well-formed SigV4 signature    | `/model/{model}/converse`, `/converse-stream`,         |
 * |                  |                                            | `/count-tokens`                                        |
 *
 * Beside them Azure's older `/openai/deployments/{model}/chat/completions` and `…/embeddings` with `?api-version=`, GET
 * `/user/balance` as DeepSeek has it, and GET `/health` without a key. A model's name in a path is percent-encoded.
 * Messages requires `anthropic-version` and `max_tokens`. Counting tokens and GET ask no script. Node only.
 */
import { hiddenKind, InvalidOption, integer } from "@spillway/core/InvalidOption"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Checks from "../internal/engine/OptionChecks.ts"
import type { Behaviour } from "./internal/Reaction.ts"
import { RequestBook } from "./internal/RequestBook.ts"
import { Scripts } from "./internal/Scripts.ts"
import { open } from "./internal/Server.ts"
import type { RequestLog } from "./RequestLog.ts"

export interface Options {
  /** What each model does, in every dialect. A model that is not named is unknown: 404 `model_not_found`, Bedrock 400. */
  readonly models: Readonly<Record<string, Behaviour>>
  /**
   * The one key that is right; any other, or none, gets 401 `invalid_api_key` (Gemini 400 or 403, Bedrock 403). Default:
   * keys are not looked at.
   */
  readonly apiKey?: string
  /** Finite number, default 1. */
  readonly seed?: number
  /** Requests of all models together that may run at once, integer >= 1; one more gets 429. Default: no limit. */
  readonly accountConcurrency?: number
  /** Requests the log keeps, the latest ones: integer >= 1, default 10,000. */
  readonly keep?: number
  /** Default 0: a free one. */
  readonly port?: number
  /** What `GET /health` does, as `scriptHealth` says. Default: 200. */
  readonly health?: Behaviour
}

/** Base URLs of the one server, as a client of each vendor wants them: `FakeProvider` says which routes they have. */
export interface Urls {
  /** `http://127.0.0.1:40123/v1` */
  readonly openai: string
  /** `http://127.0.0.1:40123/v1` */
  readonly anthropic: string
  /** `http://127.0.0.1:40123/v1beta` */
  readonly gemini: string
  /** `http://127.0.0.1:40123` */
  readonly bedrock: string
  /** `http://127.0.0.1:40123/openai/v1` */
  readonly azure: string
}

export interface FakeProvider {
  /** Base URL of OpenAI's dialects with the version, e.g. `http://127.0.0.1:40123/v1`. */
  readonly url: string
  readonly urls: Urls
  /** The latest requests, oldest first, `/models` and refused ones too. */
  readonly requests: ReadonlyArray<RequestLog>
  /** Requests that named `model` since the start or the last `clear`; without `model`, all. */
  readonly count: (model?: string) => number
  /** Requests that have arrived and are not over: until just before the last bytes of the reply. */
  readonly inFlight: (model?: string) => number
  /** The most that were in flight at once since the start or the last `clear`. */
  readonly peakInFlight: (model?: string) => number
  readonly openSockets: () => number
  /** Gives `model` another script, or its first; it begins anew. Requests in flight go on as they began. */
  readonly script: (model: string, behaviour: Behaviour) => void
  /** Gives `GET /health` another script: an answer is a 200, everything else is what it is (`status(503)`, `silent`). */
  readonly scriptHealth: (behaviour: Behaviour) => void
  /** Forgets log, counts and peaks. Scripts go on where they are: `script` begins one anew. */
  readonly clear: () => void
  /** Done as soon as no connection has a request. Instead of sleeping, after a client has cancelled. */
  readonly idle: Effect.Effect<void>
  /** Done as soon as `condition` holds; it is looked at now and whenever a request arrives or ends. */
  readonly until: (condition: () => boolean) => Effect.Effect<void>
}

/** The same for code without Effect. */
export interface Started extends FakeProvider, AsyncDisposable {
  readonly whenIdle: () => Promise<void>
  readonly when: (condition: () => boolean) => Promise<void>
  /** Destroys every socket and timer. A second call waits for the same end. */
  readonly close: () => Promise<void>
}

/** Runs until the scope closes; then every socket is destroyed. A mistake in the options is a defect. */
export const make = (options: Options): Effect.Effect<FakeProvider, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => start(options)),
    (fake) => Effect.promise(fake.close)
  )

/** Runs until `close` is called, or `await using` ends. Rejects with `InvalidOption`. */
export const start = async (options: Options): Promise<Started> => {
  check(options)
  const book = new RequestBook(integer("FakeProvider: keep", options.keep ?? 10_000))
  const scripts = new Scripts(seedOf(options), accountLimit(options))
  for (const [model, behaviour] of Object.entries(options.models)) scripts.set(model, behaviour)
  if (options.health !== undefined) scripts.setHealth(options.health)
  const { apiKey } = options
  const server = await open(integer("FakeProvider: port", options.port ?? 0, 0), {
    apiKey,
    book,
    scripts,
    startedAt: performance.now()
  })
  const origin = `http://127.0.0.1:${server.port}`
  const isIdle = () => book.open === 0 && book.counts(undefined).inFlight === 0
  const when = (condition: () => boolean) => new Promise<void>((resolve) => book.when(condition, resolve))
  const until = (condition: () => boolean) =>
    Effect.callback<void>((resume) => {
      const stop = book.when(condition, () => resume(Effect.void))
      return Effect.sync(stop)
    })
  let closed: Promise<void> | undefined
  const close = () => (closed ??= server.close())
  return {
    url: `${origin}/v1`,
    urls: {
      openai: `${origin}/v1`,
      anthropic: `${origin}/v1`,
      gemini: `${origin}/v1beta`,
      bedrock: origin,
      azure: `${origin}/openai/v1`
    },
    get requests() {
      return book.entries
    },
    count: (model) => book.counts(model).arrived,
    inFlight: (model) => book.counts(model).inFlight,
    peakInFlight: (model) => book.counts(model).peak,
    openSockets: server.openSockets,
    script: (model, behaviour) => scripts.set(model, behaviour),
    scriptHealth: (behaviour) => scripts.setHealth(behaviour),
    clear: () => book.clear(),
    idle: until(isIdle),
    until,
    whenIdle: () => when(isIdle),
    when,
    close,
    [Symbol.asyncDispose]: close
  }
}

const names: Record<keyof Options, true> = {
  ...{ models: true, apiKey: true, seed: true, accountConcurrency: true, keep: true, port: true, health: true }
}

const check = (options: Options): void => {
  Checks.object("FakeProvider: options", options, Object.keys(names))
  if (!Checks.isObject(options.models)) {
    throw new InvalidOption("FakeProvider: models", "an object of a behaviour for each model", options.models)
  }
  // It is the server's side of the key, and would be compared with: a Redacted one is never right.
  const { apiKey } = options
  if (apiKey === undefined || (typeof apiKey === "string" && apiKey !== "")) return
  throw new InvalidOption("FakeProvider: apiKey", "a non-empty string", hiddenKind(apiKey))
}

const seedOf = ({ seed = 1 }: Options): number => {
  if (Number.isFinite(seed)) return seed
  throw new InvalidOption("FakeProvider: seed", "a finite number", seed)
}

const accountLimit = ({ accountConcurrency }: Options): number =>
  accountConcurrency === undefined
    ? Number.POSITIVE_INFINITY
    : integer("FakeProvider: accountConcurrency", accountConcurrency)
