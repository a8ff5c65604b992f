/** A file in memory, and what stands in it. */
import { Effect, FileSystem, PlatformError, PubSub, Stream } from "effect"

export const target = (id: string, more: object = {}) => ({ id, provider: "deepseek", model: "deepseek-chat", ...more })
export const file = (...targets: ReadonlyArray<object>) => JSON.stringify({ targets })
export const path = "/etc/spillway/targets.json"

const failure = (tag: "NotFound" | "PermissionDenied") =>
  PlatformError.systemError({ _tag: tag, module: "Test", method: "readFileString", pathOrDescriptor: path })

/** One file in memory, and a watcher that a test makes speak. */
export const disk = Effect.gen(function* () {
  const events = yield* PubSub.unbounded<FileSystem.WatchEvent>()
  const state = {
    text: undefined as string | undefined,
    error: "NotFound" as "NotFound" | "PermissionDenied",
    reads: 0,
    watched: [] as Array<string>,
    watches: true
  }
  const service = FileSystem.makeNoop({
    readFileString: () =>
      Effect.suspend(() => {
        state.reads++
        return state.text === undefined ? Effect.fail(failure(state.error)) : Effect.succeed(state.text)
      }),
    watch: (directory) => {
      state.watched.push(directory)
      return state.watches ? Stream.fromPubSub(events) : Stream.fail(failure("PermissionDenied"))
    }
  })
  const event: FileSystem.WatchEvent = { _tag: "Create", path: "..data" }
  const touch = PubSub.publish(events, event)
  return { state, service, touch }
})
