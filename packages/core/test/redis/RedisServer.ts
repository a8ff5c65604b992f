/**
 * A real redis-server on loopback, empty, without persistence, on a free port; it ends with its scope.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Effect, Layer } from "effect"
import { Redis as Client } from "ioredis"

export class RedisServer extends Context.Service<
  RedisServer,
  {
    readonly url: string
    /** A connection of the test's own, not the code under test. Waits for the server. */
    readonly raw: Client
    /** SIGKILL: everything it held is gone. */
    readonly kill: Effect.Effect<void>
    /** Again, on the same port. Returns when it answers. */
    readonly start: Effect.Effect<void>
    /** Alive, connected, and silent (SIGSTOP). */
    readonly freeze: Effect.Effect<void>
    readonly thaw: Effect.Effect<void>
  }
>()("test/RedisServer") {}

const freePort = async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

const missing = "redis-server is not installed: these tests need it (Debian, Ubuntu: apt-get install redis-server)"

export interface Options {
  /** Further arguments of redis-server. */
  readonly args?: ReadonlyArray<string>
  readonly password?: string
}

const connect = (port: number, { password }: Options, retryStrategy: (times: number) => number | null) => {
  const base = { port, host: "127.0.0.1", maxRetriesPerRequest: null, retryStrategy }
  const client = new Client(password === undefined ? base : { ...base, password })
  return client.on("error", () => undefined)
}

/** SIGKILL; one that never began has no pid. */
const end = async (child: ChildProcess) => {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  child.kill("SIGKILL")
  await once(child, "exit")
}

const launch = async (port: number, dir: string, options: Options): Promise<ChildProcess> => {
  const fixed = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no"]
  const secret = options.password === undefined ? [] : ["--requirepass", options.password]
  const child = spawn("redis-server", [...fixed, ...secret, ...(options.args ?? [])], { stdio: "ignore" })
  const stopped = new Promise<never>((_, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) =>
      reject(new Error(error.code === "ENOENT" ? missing : error.message))
    )
    child.once("exit", (code) => reject(new Error(`redis-server ended with ${code} at its start`)))
  })
  // Tries to connect every 20 ms, 10 seconds at most.
  const probe = connect(port, options, (times) => (times > 500 ? null : 20))
  try {
    await Promise.race([probe.ping(), stopped])
  } catch (error) {
    await end(child)
    throw error
  } finally {
    probe.disconnect()
    stopped.catch(() => undefined)
  }
  return child
}

const launchSomewhere = async (dir: string, options: Options) => {
  for (let tries = 1; ; tries++) {
    const port = await freePort()
    try {
      return { port, child: await launch(port, dir, options) }
    } catch (error) {
      // Somebody else may have taken the port meanwhile.
      if (tries === 5 || (error as Error).message === missing) throw error
    }
  }
}

export const make = Effect.fnUntraced(function* (options: Options = {}) {
  const dir = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "spillway-redis-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const running = yield* Effect.acquireRelease(
    Effect.promise(() => launchSomewhere(dir, options)),
    (server) => Effect.promise(() => end(server.child))
  )
  const { port } = running
  const raw = yield* Effect.acquireRelease(
    Effect.sync(() => connect(port, options, () => 20)),
    (client) => Effect.sync(() => client.disconnect())
  )
  yield* Effect.promise(() => raw.ping())
  return RedisServer.of({
    url: `redis://127.0.0.1:${port}`,
    raw,
    kill: Effect.promise(() => end(running.child)),
    start: Effect.promise(async () => {
      running.child = await launch(port, dir, options)
    }),
    freeze: Effect.sync(() => void running.child.kill("SIGSTOP")),
    thaw: Effect.sync(() => void running.child.kill("SIGCONT"))
  })
})

export const layer = Layer.effect(RedisServer, make())

/** Asks again every 10 ms until `ready`; a defect after `seconds`. For what another process or a socket brings about. */
export const until = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  ready: (a: A) => boolean,
  seconds = 10
): Effect.Effect<A, E, R> =>
  self.pipe(
    Effect.delay(10),
    Effect.repeat({ until: ready }),
    Effect.timeoutOrElse({
      duration: seconds * 1000,
      orElse: () => Effect.die(new Error("what was waited for did not happen"))
    })
  )
