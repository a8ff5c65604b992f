/**
 * Parts of a running answer as the `ReadableStream` of the AI SDK: one pull of the reader is one part, nothing is read ahead.
 * Leaving it, or the caller's signal, interrupts the answer, a pull under way included.
 */
import type { LanguageModelV4StreamPart, SharedV4Warning } from "@ai-sdk/provider"
import type { StreamPart } from "@spillway/core/ProviderModel"
import * as ToError from "./ToError.ts"

export interface Options {
  readonly convert: (part: StreamPart) => LanguageModelV4StreamPart | undefined
  readonly warnings: Array<SharedV4Warning>
  readonly signal: AbortSignal | undefined
  /** Which model, for errors. */
  readonly url: string
}

/** Resolves with the first part; rejects with what comes instead of it. */
export const from = async (
  iterator: AsyncIterator<StreamPart>,
  { convert, signal, url, warnings }: Options
): Promise<ReadableStream<LanguageModelV4StreamPart>> => {
  const leave = () => Promise.resolve(iterator.return?.()).then(ignore, ignore)
  let left: Promise<void> | undefined
  let aborted = ignore
  const onAbort = () => {
    left = leave().then(() => aborted())
  }
  signal?.addEventListener("abort", onAbort, { once: true })
  const over = () => signal?.removeEventListener("abort", onAbort)

  const next = async (): Promise<StreamPart | undefined> => {
    try {
      const result = await iterator.next()
      if (signal?.aborted !== true) return result.done === true ? undefined : result.value
    } catch (error) {
      if (signal?.aborted !== true) {
        over()
        throw ToError.from(url, error)
      }
    }
    await left
    throw signal?.reason
  }

  let first: { readonly part: StreamPart | undefined } | undefined = { part: await next() }
  return new ReadableStream<LanguageModelV4StreamPart>(
    {
      start: (controller) => {
        aborted = () => controller.error(signal?.reason)
        controller.enqueue({ type: "stream-start", warnings })
      },
      pull: async (controller) => {
        try {
          for (;;) {
            const part = first === undefined ? await next() : first.part
            first = undefined
            if (part === undefined) {
              over()
              return controller.close()
            }
            const given = convert(part)
            if (given !== undefined) return controller.enqueue(given)
          }
        } catch (error) {
          if (signal?.aborted === true) return controller.error(error)
          // Answers that have begun fail with a part: that is where the AI SDK looks for it.
          controller.enqueue({ type: "error", error })
          controller.close()
        }
      },
      cancel: () => {
        over()
        return leave()
      }
    },
    { highWaterMark: 0 }
  )
}

const ignore = () => {}
