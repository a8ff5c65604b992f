/**
 * Tools whose names no vendor takes, such as `files.read`. On the wire a tool's name is made of A-Z, a-z, 0-9, _ and -, 64
 * at most, which is what all vendors have in common; other characters become _, and what would then be the same name twice
 * gets a number. The answer's calls have the application's names again. Names that fit are left as they are, at no cost.
 */
import type { ModelOptions, Part, ProviderModel, StreamPart } from "@spillway/core/ProviderModel"
import * as Arr from "effect/Array"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const longest = 64
const fits = (name: string): boolean => /^[A-Za-z0-9_-]{1,64}$/.test(name)

/** `model` with tools of any name. */
export const mapped = (model: ProviderModel): ProviderModel => ({
  ...model,
  generate: (options, limits) => {
    const names = of(options)
    if (names === undefined) return model.generate(options, limits)
    return Effect.map(model.generate(names.options, limits), Arr.map(names.restore))
  },
  stream: (options, limits) => {
    const names = of(options)
    if (names === undefined) return model.stream(options, limits)
    return Stream.map(model.stream(names.options, limits), names.restore)
  }
})

interface Names {
  readonly options: ModelOptions
  readonly restore: <P extends Part | StreamPart>(part: P) => P
}

const of = (options: ModelOptions): Names | undefined => {
  const odd = new Set<string>()
  // Tools that a vendor runs have the vendor's own names.
  for (const tool of options.tools) if (!fits(tool.name) && !Tool.isProviderDefined(tool)) odd.add(tool.name)
  for (const { content, role } of options.prompt.content) {
    if (role !== "assistant" && role !== "tool") continue
    for (const part of content) {
      if ((part.type === "tool-call" || part.type === "tool-result") && !part.providerExecuted && !fits(part.name)) {
        odd.add(part.name)
      }
    }
  }
  return odd.size === 0 ? undefined : rename(options, odd)
}

const rename = (options: ModelOptions, odd: ReadonlySet<string>): Names => {
  const taken = new Set(options.tools.map(({ name }) => name).filter(fits))
  const wire = new Map<string, string>()
  for (const name of odd) {
    const base = name.replace(/[^A-Za-z0-9_-]/g, "_") || "tool"
    let free = base.slice(0, longest)
    for (let n = 2; taken.has(free); n++) free = `${base.slice(0, longest - 1 - String(n).length)}_${n}`
    taken.add(free)
    wire.set(name, free)
  }
  const own = new Map([...wire].map(([name, onWire]) => [onWire, name] as const))
  const wired = (name: string) => wire.get(name) ?? name
  const { toolChoice } = options
  return {
    options: {
      ...options,
      prompt: Prompt.fromMessages(options.prompt.content.map((message) => renamed(message, wired))),
      tools: options.tools.map((tool) => (wire.has(tool.name) ? called(tool, wired(tool.name)) : tool)),
      toolChoice:
        typeof toolChoice === "string"
          ? toolChoice
          : "tool" in toolChoice
            ? { tool: wired(toolChoice.tool) }
            : { ...toolChoice, oneOf: toolChoice.oneOf.map(wired) }
    },
    restore: (part) =>
      part.type === "tool-call" || part.type === "tool-params-start"
        ? { ...part, name: own.get(part.name) ?? part.name }
        : part
  }
}

/** The same tool under another name: what makes it one stands in its prototype. */
const called = <T extends Tool.Any>(tool: T, name: string): T =>
  Object.assign(Object.create(Object.getPrototypeOf(tool)), tool, { name })

const renamed = (message: Prompt.Message, wired: (name: string) => string): Prompt.Message => {
  switch (message.role) {
    case "assistant":
      return Prompt.makeMessage("assistant", {
        ...message,
        content: message.content.map((part) =>
          part.type === "tool-call"
            ? Prompt.makePart("tool-call", { ...part, name: wired(part.name) })
            : part.type === "tool-result"
              ? Prompt.makePart("tool-result", { ...part, name: wired(part.name) })
              : part
        )
      })
    case "tool":
      return Prompt.makeMessage("tool", {
        ...message,
        content: message.content.map((part) =>
          part.type === "tool-result" ? Prompt.makePart("tool-result", { ...part, name: wired(part.name) }) : part
        )
      })
    default:
      return message
  }
}
