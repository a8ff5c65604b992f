/**
 * The targets in a file, read again when it changes: JSON, with comments and trailing commas allowed.
 *
 * Use it for a file that an operator edits or a deployment mounts. It watches the directory, because editors and Kubernetes
 * put a new file (or link) in the place of the old one, and it reads the file every `pollEvery` as well, because network file
 * systems and some containers report nothing. Changes are found by content, so a touched or rewritten file is no change; a
 * file that is being written is read until it holds still.
 *
 * A file that is missing or wrong is a problem, said once for as long as it stays the same, and the targets that were there
 * stay. When the router is made there are none yet: then it is the router that fails, with that problem.
 */

import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { InvalidOption, onlyKeys } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import { problem, type TargetSource, type TargetUpdate } from "../model/TargetSource.ts"
import { JsoncError, parse as parseJsonc } from "./internal/jsonc.ts"
import * as Reader from "./internal/reader.ts"

export interface Options<C> extends Reader.ReaderOptions<C> {
  /** A file of `{ "targets": [...] }`, see `TargetDescription`. */
  readonly path: string
  /** How often it is read although nothing was reported. > 0, default 5 seconds. */
  readonly pollEvery?: Duration.Input
  /** For how long a changed file has to hold still until it counts. > 0, default 100 milliseconds. */
  readonly settle?: Duration.Input
  /** For another format. What it throws is a problem. Default JSON with comments. */
  readonly parse?: (text: string) => unknown
}

const keys: ReadonlySet<string> = new Set(["path", "pollEvery", "settle", "parse", "clientOf", "literalKeys"])

/** A mistake in the options is an `InvalidOption` defect. */
export const make = Effect.fnUntraced(function* <C>(
  options: Options<C>
): Effect.fn.Return<TargetSource<C>, never, FileSystem.FileSystem> {
  const files = yield* FileSystem.FileSystem
  const { parse, path, pollMs, settleMs } = resolve(options)
  const read = files.readFileString(path).pipe(
    Effect.match({
      onFailure: (error): Found => ({ seen: `error ${error.reason._tag}`, content: Result.fail(unreadable(error)) }),
      onSuccess: (text): Found => ({ seen: `text ${text}`, content: Result.succeed(text) })
    })
  )

  const changes = Effect.gen(function* () {
    const reader = yield* Reader.make(options)
    const nudges = yield* Queue.sliding<void>(1)
    yield* Effect.forkScoped(watch(files, path, pollMs, nudges))
    let last: string | undefined

    /** What stands in the file, when it has stood there for a while; at the start at once. */
    const settled = Effect.gen(function* () {
      let found = yield* read
      for (let rounds = 0; last !== undefined && found.seen !== last && rounds < mostRounds; rounds++) {
        yield* Effect.sleep(settleMs)
        const again = yield* read
        if (again.seen === found.seen) return again
        found = again
      }
      return found
    })
    const wait = Queue.take(nudges).pipe(
      // One save is several events.
      Effect.andThen(Effect.sleep(settleMs)),
      Effect.andThen(Queue.clear(nudges)),
      Effect.timeoutOption(pollMs)
    )
    return Stream.fromEffectRepeat(
      Effect.gen(function* (): Effect.fn.Return<TargetUpdate<C>> {
        while (true) {
          if (last !== undefined) yield* wait
          const found = yield* settled
          if (found.seen === last) continue
          last = found.seen
          if (Result.isFailure(found.content)) return problem(`${path}: ${found.content.failure}`)
          const data = parsed(parse, found.content.success, options.literalKeys === true)
          return Result.isFailure(data) ? problem(`${path}: ${data.failure}`) : yield* reader(path, data.success)
        }
      })
    )
  })
  return { name: `file ${path}`, changes: Stream.unwrap(changes) }
})

interface Found {
  /** Equal for what is the same. */
  readonly seen: string
  readonly content: Result.Result<string, string>
}

/** A file that never holds still is read in the end as it is. */
const mostRounds = 50

const unreadable = ({ reason }: PlatformError.PlatformError): string =>
  reason._tag === "NotFound" ? "there is no such file" : `it cannot be read (${reason._tag})`

/** Nudges on whatever happens in the directory: the file may be a link to what changed. Never ends; polling stands in for it. */
const watch = (files: FileSystem.FileSystem, path: string, againMs: number, nudges: Queue.Queue<void>) => {
  const directory = path.replace(/[^/\\]*$/, "") || "."
  return Stream.runForEach(files.watch(directory), () => Queue.offer(nudges, undefined)).pipe(
    Effect.ignore,
    Effect.repeat(Schedule.spaced(againMs))
  )
}

/** A parser of the application's may quote what it did not understand: not where keys may stand in the file. */
const parsed = (parse: (text: string) => unknown, text: string, hasKeys: boolean): Result.Result<unknown, string> =>
  Result.try({
    try: () => parse(text),
    catch: (error) => {
      if (error instanceof JsoncError) return error.message
      return hasKeys || !(error instanceof Error) ? "it cannot be parsed" : `it cannot be parsed: ${error.message}`
    }
  })

const resolve = <C>(options: Options<C>) => {
  onlyKeys("FileSource", options, keys)
  const { parse = parseJsonc, path, pollEvery = "5 seconds", settle = "100 millis" } = options
  if (typeof path !== "string" || path === "") throw new InvalidOption("FileSource: path", "the path of a file", path)
  if (typeof parse !== "function") throw new InvalidOption("FileSource: parse", "a function", parse)
  Reader.check("FileSource", options)
  return {
    parse,
    path,
    pollMs: positiveMillis("FileSource: pollEvery", pollEvery),
    settleMs: positiveMillis("FileSource: settle", settle)
  }
}
