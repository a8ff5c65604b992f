/** Where results go: files that the user named, and standard output, which carries nothing but the result. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { Failure } from "./Failure.ts"

export const writeFile = Effect.fnUntraced(function* (file: Option.Option<string>, text: () => string) {
  if (Option.isNone(file)) return
  const fileSystem = yield* FileSystem.FileSystem
  yield* Effect.mapError(
    fileSystem.writeFileString(file.value, text()),
    ({ reason }) => new Failure({ message: `${file.value}: cannot be written: ${reason._tag}` })
  )
})

export const print = Effect.fnUntraced(function* (text: string) {
  const stdio = yield* Stdio.Stdio
  // A reader that left (`| head`) has seen what it wanted.
  yield* Effect.ignore(Stream.run(Stream.succeed(text), stdio.stdout({ endOnDone: false })))
})
