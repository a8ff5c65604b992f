/** A file, from its bytes on a disk to the calls of a router. */
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { type Gate, Router, Telemetry } from "@spillway/core"
import { Effect, FileSystem, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as FileSource from "../../src/sources/FileSource.ts"
import { services } from "../router/fixture.ts"
import { disk, file, path, target } from "./Disk.ts"
import * as NodeFiles from "./NodeFiles.ts"
import { clientOf, idsOf } from "./support.ts"

describe("a router of a file", () => {
  it.effect("has the targets that the file has, and the last good ones while it has none", () =>
    Effect.gen(function* () {
      const { service, state } = yield* disk
      state.text = file(target("a"))
      const source = yield* Effect.provideService(FileSource.make({ path, clientOf }), FileSystem.FileSystem, service)
      const events: Array<Gate.GateEvent> = []
      const router = yield* Router.fromSource(source).pipe(
        Effect.provideService(Telemetry.CurrentTelemetry, {
          call: () => undefined,
          routerEvent: (_route, event) => void events.push(event)
        }),
        Effect.provide(services())
      )
      const model = router.route({}, ({ target }) => Effect.succeed(`${target.id} ${target.client.of.model}`))
      assert.strictEqual(yield* model, "a deepseek-chat")
      state.text = file(target("b", { model: "deepseek-reasoner" }))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* model, "b deepseek-reasoner")
      state.text = "{"
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* model, "b deepseek-reasoner")
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        ["TargetsChanged", "TargetSourceFailed"]
      )
    })
  )

  it.effect("is not made of a file that is missing, and says so", () =>
    Effect.gen(function* () {
      const { service } = yield* disk
      const source = yield* Effect.provideService(FileSource.make({ path, clientOf }), FileSystem.FileSystem, service)
      const { message } = yield* Effect.flip(Effect.provide(Router.fromSource(source), services()))
      assert.strictEqual(message, `No targets from file ${path}: ${path}: there is no such file`)
    })
  )
})

describe("a real file", () => {
  it.live("is followed when it is replaced by rename, and when a Kubernetes volume swaps its link", () =>
    Effect.gen(function* () {
      const directory = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "spillway-"))),
        (created) => Effect.promise(() => rm(created, { recursive: true }))
      )
      const at = (name: string) => join(directory, name)
      yield* Effect.promise(async () => {
        await mkdir(at("..v1"))
        await writeFile(at("..v1/targets.json"), file(target("a")))
        await symlink("..v1", at("..data"))
        await symlink("..data/targets.json", at("targets.json"))
      })
      // Polling is as good as off: what is seen was reported.
      const source = yield* FileSource.make({
        path: at("targets.json"),
        clientOf,
        settle: "5 millis",
        pollEvery: "1 hour"
      })
      const said = yield* Queue.unbounded<ReadonlyArray<string>>()
      const next = Effect.timeout(Queue.take(said), "10 seconds")
      yield* Effect.forkScoped(Stream.runForEach(source.changes, (update) => Queue.offer(said, idsOf(update))))
      assert.deepStrictEqual(yield* next, ["a"])
      yield* Effect.promise(async () => {
        await mkdir(at("..v2"))
        await writeFile(at("..v2/targets.json"), file(target("b")))
        await symlink("..v2", at("..tmp"))
        await rename(at("..tmp"), at("..data"))
      })
      assert.deepStrictEqual(yield* next, ["b"])
      yield* Effect.promise(async () => {
        await writeFile(at("new"), file(target("c")))
        await rename(at("new"), at("targets.json"))
      })
      assert.deepStrictEqual(yield* next, ["c"])
    }).pipe(Effect.scoped, Effect.provide(NodeFiles.layer))
  )
})
