// How do I add, remove and re-weight targets while the program runs, from a file that operators edit?
//
// The file holds data, the program makes clients of it. A file that is wrong keeps the targets that were there, and says why.
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NodeFileSystem } from "@effect/platform-node"
import { Defaults, Router, Telemetry } from "@spillway/core"
import { FileSource } from "@spillway/core/sources"
import { EdfWeightedRoundRobin } from "@spillway/strategies"
import { Effect, Layer, Queue } from "effect"

const folder = await mkdtemp(join(tmpdir(), "spillway-"))
const path = join(folder, "targets.jsonc")
/** As editors and deployments do it: a new file takes the place of the old one. */
const save = async (text: string) => {
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}
await save(`{ "targets": [
  { "id": "eu", "provider": "deepseek", "model": "deepseek-chat", "weight": 3 }, // comments are fine
  { "id": "us", "provider": "deepseek", "model": "deepseek-chat" },
] }`)

const program = Effect.gen(function* () {
  // #region source
  const source = yield* FileSource.make({
    path,
    // `key` is Redacted, read from the variable that the file names: here a client is just a name.
    clientOf: ({ model, provider }) => `${provider}/${model}`
  })
  const router = yield* Router.fromSource(source, { route: "chat" })
  // #endregion

  const share = Effect.gen(function* () {
    const counts = new Map<string, number>()
    for (let n = 0; n < 40; n++) {
      const id = yield* router.route(undefined, ({ target }) => Effect.succeed(target.id))
      counts.set(id, (counts.get(id) ?? 0) + 1)
    }
    const parts = [...counts].sort().map(([id, count]) => `${id} ${count}`)
    console.log(parts.join(", "))
  })
  yield* share

  const edit = (text: string) => Effect.promise(() => save(text)).pipe(Effect.andThen(Queue.take(events)))
  yield* edit(`{ "targets": [{ "id": "eu", "provider": "deepseek", "model": "deepseek-chat", "wieght": 3 }] }`)
  yield* share // as before

  yield* edit(`{ "targets": [
    { "id": "eu", "provider": "deepseek", "model": "deepseek-chat", "weight": 3 },
    { "id": "own", "provider": "vllm", "model": "qwen", "baseUrl": "http://gpu.internal:8000/v1", "weight": 5 },
  ] }`)
  yield* share // `own` begins with a tenth of its share, `us` gets nothing more
})

const events = Effect.runSync(Queue.unbounded<string>())
const telemetry: Telemetry.Telemetry = {
  call: () => undefined,
  routerEvent: (_route, event) => {
    const { _tag, message } = event as typeof event & { readonly message?: string }
    console.log(message === undefined ? _tag : `${_tag}: ${message.replace(folder, "")}`)
    Queue.offerUnsafe(events, _tag)
  }
}
const services = Layer.mergeAll(
  Defaults.layer,
  EdfWeightedRoundRobin.layer(),
  Layer.succeed(Telemetry.CurrentTelemetry, telemetry)
)
await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(services), Effect.provide(NodeFileSystem.layer)))
await rm(folder, { recursive: true })

// Expect:
//   eu 30, us 10
//   TargetSourceFailed: /targets.jsonc: targets[0].wieght is not known; did you mean weight?
//   eu 30, us 10
//   TargetsChanged
//   /eu \d+, own \d+/
