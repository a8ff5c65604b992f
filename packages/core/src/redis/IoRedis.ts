/**
 * The Redis service of Effect over ioredis 6. Give it to `RateLimit`, `PriorityQueue`, or anything of
 * `effect/persistence` (`PersistedQueue`, `PersistedCache`, ...).
 *
 * Made for a server that may be away: the layer starts without it, a command fails at once instead of waiting in a queue
 * for it, a command in flight fails when the connection goes and is never sent twice, and the connection comes back by
 * itself. Going and coming are logged once each. Errors repeat neither arguments nor passwords.
 *
 * A single server, or what looks like one (Sentinel, a proxy). For a Redis Cluster provide the service over a cluster client.
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { Redis as Client, type RedisOptions } from "ioredis"
import { InvalidOption } from "../model/InvalidOption.ts"
import { make as makeService, Redis, RedisError } from "./internal/server.ts"

/** What can come from a configuration. */
export interface Settings {
  /** `redis://[user:password@]host[:port][/db]`, `rediss://...`, or the path of a socket. Default: localhost, port 6379. */
  readonly url?: string | Redacted.Redacted<string>
  /** Overrides the one in `url`. */
  readonly password?: Redacted.Redacted<string>
  /** Building the layer waits this long for the first connection, then goes on without it. Default 1 second. */
  readonly connectWait?: Duration.Input
  /** A command without an answer fails after this. Default 1 second. Not applied to reserved (blocking) connections. */
  readonly commandTimeout?: Duration.Input
}

/** Either what to connect to, or a client of yours. */
export type Options =
  | (Settings & {
      /** Anything else ioredis takes (TLS, Sentinel, database); wins over what this module would set, not over `url`. */
      readonly options?: Omit<RedisOptions, "password" | "replyMapping">
    })
  | {
      /**
       * A connected client. It stays yours: nobody here closes it, and what it does while the server is away is up to its
       * own options (`enableOfflineQueue: false`, `maxRetriesPerRequest: 0` are good ones).
       */
      readonly client: Client
    }

/** The service over ioredis. Owned connections are closed by the scope. A URL that is none is an `InvalidOption` defect. */
export const layer = (options: Options = {}): Layer.Layer<Redis> => Layer.effect(Redis, make(options))

/** `layer` with every field from a `Config`, e.g. `{ url: Config.Redacted("REDIS_URL") }`. */
export const layerConfig = (settings: Config.Wrap<Settings>): Layer.Layer<Redis, Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap(settings), layer))

const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Redis["Service"], never, Scope.Scope> {
  const random = yield* Random.Random
  const wait = Duration.fromInputUnsafe(("client" in options ? undefined : options.connectWait) ?? "1 second")
  const client =
    "client" in options
      ? yield* borrowed(options.client)
      : yield* owned(() => connect(options, () => random.nextDoubleUnsafe()))
  if (!("client" in options)) yield* narrate(client)
  yield* firstOf(client, wait)
  return yield* makeService({
    send: sendOver(client),
    // A reserved connection is not repaired: when it breaks, its pool opens another one.
    connect: Effect.gen(function* () {
      const connection = yield* Effect.sync(() => silenced(client.duplicate({ ...dedicated, retryStrategy: null })))
      return { send: sendOver(connection), close: close(connection) }
    }),
    subscribe: (channel, onMessage) =>
      Effect.gen(function* () {
        const subscriber = yield* owned(() => client.duplicate({ ...dedicated, autoResubscribe: false }))
        subscriber.on("message", (from: string, message: string) => onMessage({ channel: from, message }))
        yield* Effect.callback<void>((resume) => {
          // ioredis would subscribe again by itself, and leave a rejection unhandled when the server goes meanwhile.
          subscriber.on("ready", () => {
            subscriber.subscribe(channel).then(
              () => resume(Effect.void),
              () => undefined
            )
          })
          subscriber.once("close", () => resume(Effect.void))
        }).pipe(Effect.timeoutOption(wait))
        return Effect.never
      })
  })
})

/** For connections of one user: what is sent before the connection stands waits for it, and may block. */
const dedicated = { enableOfflineQueue: true, commandTimeout: undefined, socketTimeout: undefined, lazyConnect: false }

const connect = (settings: Exclude<Options, { readonly client: Client }>, random: () => number): Client => {
  const { url, password, commandTimeout = "1 second", options } = settings
  const bounds: RedisOptions = {
    connectTimeout: 2000,
    // No answer to anything for this long: the connection is dead, although nobody said so. A new one is tried.
    socketTimeout: 5000,
    commandTimeout: Duration.toMillis(commandTimeout),
    enableOfflineQueue: false,
    // 0: what is in flight when the connection goes fails then. Sent again it could happen twice.
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(1000, 25 * 2 ** Math.min(times, 10)) * (0.5 + random() / 2),
    // After a failover the old primary refuses writes: ask again who is the primary.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
    ...(password === undefined ? {} : { password: Redacted.value(password) }),
    ...options
  }
  // The scripts and Effect read the flat replies of RESP2.
  const complete = { ...bounds, replyMapping: "legacy" } as const
  return url === undefined ? new Client(complete) : new Client(address(url, password), complete)
}

/** ioredis takes the password of the address first, so ours has to be in it. */
const address = (url: NonNullable<Settings["url"]>, password: Settings["password"]) => {
  const text = typeof url === "string" ? url : Redacted.value(url)
  if (text.startsWith("/")) return text
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text)) {
    throw new InvalidOption(
      "IoRedis.layer: url",
      "redis://host:port, rediss://host:port or the path of a socket",
      hidden
    )
  }
  if (password === undefined) return text
  const parsed = new URL(text)
  parsed.password = encodeURIComponent(Redacted.value(password))
  return parsed.href
}
const hidden = Symbol("<redacted>")

const owned = (open: () => Client) =>
  Effect.acquireRelease(
    Effect.sync(() => silenced(open())),
    close
  )

/** Without a listener ioredis prints every error of every attempt to reconnect. */
const silenced = (client: Client) => client.on("error", ignore)
const ignore = () => undefined

const borrowed = (client: Client) =>
  Effect.acquireRelease(
    Effect.sync(() => client.on("error", ignore)),
    () => Effect.sync(() => client.off("error", ignore))
  )

/** Returns when the socket is closed. A client between two attempts to connect has none. */
const close = (client: Client) =>
  Effect.callback<void>((resume) => {
    const open = ["connecting", "connect", "ready"].includes(client.status)
    if (open) client.once("end", () => resume(Effect.void))
    client.disconnect()
    if (!open) resume(Effect.void)
  })

/** Until the client is connected, or known not to be, or `wait` is over. */
const firstOf = (client: Client, wait: Duration.Duration) =>
  Effect.callback<void>((resume) => {
    const go = () => resume(Effect.void)
    if (client.status === "ready" || client.status === "wait") return go()
    client.once("ready", go)
    client.once("close", go)
    return Effect.sync(() => {
      client.off("ready", go)
      client.off("close", go)
    })
  }).pipe(Effect.timeoutOption(wait))

/** Two log lines per outage, however long it lasts. */
const narrate = Effect.fnUntraced(function* (client: Client): Effect.fn.Return<void, never, Scope.Scope> {
  const log = Effect.runForkWith(yield* Effect.context<never>())
  let away = false
  let reason = "connection closed"
  const onError = (error: Error) => {
    reason = plain(error).message
  }
  const onClose = () => {
    if (!away) log(Effect.logWarning(`Redis is away (${reason}); trying again until it is back`))
    away = true
  }
  const onReady = () => {
    if (away) log(Effect.logInfo("Redis is back"))
    away = false
    reason = "connection closed"
  }
  client.on("error", onError).on("close", onClose).on("ready", onReady)
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      client.off("error", onError).off("close", onClose).off("ready", onReady)
    })
  )
})

const sendOver =
  (client: Client) =>
  <A = unknown>(command: string, ...args: ReadonlyArray<string>): Effect.Effect<A, RedisError> =>
    Effect.tryPromise({
      try: () => client.call(command, ...args) as Promise<A>,
      catch: (error) => new RedisError({ cause: plain(error) })
    })

/**
 * The message alone. ioredis hangs the command with its arguments (a password, a job's body) on the error, and some
 * messages of the server quote arguments.
 */
const plain = (error: unknown): Error => {
  const message = error instanceof Error ? error.message : "Redis failed"
  return new Error(message.replace(/,? ?with args beginning with:.*$/s, ""))
}
