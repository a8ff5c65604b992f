/** As much of Effect's FileSystem over Node as a source of targets needs. Applications take the one of their platform. */
import { watch } from "node:fs"
import { readFile } from "node:fs/promises"
import { Effect, FileSystem, Layer, PlatformError, Queue, Stream } from "effect"

export const layer = Layer.succeed(
  FileSystem.FileSystem,
  FileSystem.makeNoop({
    readFileString: (path) =>
      Effect.tryPromise({
        try: () => readFile(path, "utf8"),
        catch: () =>
          PlatformError.systemError({
            _tag: "NotFound",
            module: "Test",
            method: "readFileString",
            pathOrDescriptor: path
          })
      }),
    watch: (path) =>
      Stream.callback<FileSystem.WatchEvent>((queue) =>
        Effect.acquireRelease(
          Effect.sync(() => watch(path, (_, name) => Queue.offerUnsafe(queue, { _tag: "Update", path: String(name) }))),
          (watcher) => Effect.sync(() => watcher.close())
        )
      )
  })
)
