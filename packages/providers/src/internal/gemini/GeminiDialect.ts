/** Google's `generateContent`: typed parts in contents, one whole response per event of a stream. */
import * as Config from "../engine/Config.ts"
import type { Dialect } from "../engine/Dialect.ts"
import * as EventDecoder from "../engine/EventDecoder.ts"
import { rules } from "./Errors.ts"
import { GeminiStream } from "./GeminiStream.ts"
import * as Request from "./Request.ts"

export interface Input extends Config.Input, Omit<Request.Fixed, "model" | "owner" | "capabilities"> {}

/** Throws `InvalidOption`. */
export const make = (input: Input): Dialect => {
  const { thinking, safetySettings, cachedContent, responseModalities } = input
  const { at, capabilities, headers, model, module, secret, settings } = Config.resolve(input)
  const owner = "google"
  const fixed: Request.Fixed = {
    ...{ owner, model, capabilities, thinking, safetySettings, cachedContent, responseModalities }
  }
  // A tuned model brings its own folder.
  const name = model.split("/").map(encodeURIComponent).join("/")
  const path = name.includes("/") ? `/${name}` : `/models/${name}`
  return {
    ...{ module, owner, model, capabilities, headers, secret, settings },
    provider: "gcp.gemini",
    whole: at(`${path}:generateContent`),
    streamed: at(`${path}:streamGenerateContent?alt=sse`),
    probe: at(path),
    body: (call) => Request.body(fixed, call),
    decoder: ({ makeId }) => EventDecoder.make(new GeminiStream({ owner, model, makeId })),
    errors: rules
  }
}
