/** The body of a request: model, input, tools, format and settings in the dialect's words. */
import type { Capability } from "@spillway/core/Target"
import type * as Prompt from "effect/ai/Prompt"
import type { DialectCall } from "../engine/Dialect.ts"
import { type Fault, unsupported } from "../errors/Fault.ts"
import { record } from "../json.ts"
import * as AnswerSchema from "../parts/AnswerSchema.ts"
import * as StrictSchema from "../parts/StrictSchema.ts"
import * as Input from "./Input.ts"
import * as Tools from "./Tools.ts"

/** What stays the same for every call of one model. */
export interface Fixed extends Input.Target {
  readonly capabilities: ReadonlySet<Capability>
  readonly summary: string | undefined
  readonly verbosity: string | undefined
  readonly serviceTier: string | undefined
  readonly promptCacheKey: string | undefined
  readonly truncation: string | undefined
  /** Name of the end user's id. */
  readonly user: "safety_identifier" | "user"
}

/** The serialized body, or a fault when the call cannot be said in this dialect. */
export const body = (fixed: Fixed, { options, settings, streamed }: DialectCall): string | Fault => {
  if (holdsSound(options.prompt))
    return unsupported("prompt", "The Responses dialect takes no audio and no video", true)
  if (holdsAddress(options.prompt))
    return unsupported("prompt", "The Responses dialect takes files as data or at a web address", true)
  const tools = Tools.from(options)
  if ("verdict" in tools) return tools
  const format = formatOf(fixed, options.responseFormat)
  if ("verdict" in format) return format
  const previous = continuation(fixed, options)
  const { reasoningEffort: effort } = settings
  try {
    const input = Input.from(previous?.prompt ?? options.prompt, fixed, previous !== undefined)
    if (format.instruction !== undefined) input.unshift({ role: fixed.systemRole, content: format.instruction })
    // What is undefined, JSON leaves out.
    return JSON.stringify({
      model: fixed.model,
      input,
      previous_response_id: previous?.id,
      ...tools,
      text: some({ format: format.field, verbosity: fixed.verbosity }),
      reasoning: some({ effort, summary: fixed.summary }),
      max_output_tokens: settings.maxTokens,
      temperature: settings.temperature,
      top_p: settings.topP,
      [fixed.user]: settings.userId,
      service_tier: fixed.serviceTier,
      prompt_cache_key: fixed.promptCacheKey,
      truncation: fixed.truncation,
      store: fixed.store,
      // A model that does not reason refuses to seal what it did not think.
      include: !fixed.store && fixed.capabilities.has("reasoning") ? ["reasoning.encrypted_content"] : undefined,
      stream: streamed ? true : undefined
    })
  } catch {
    return unsupported("prompt", "The prompt or settings hold something that is no JSON", false)
  }
}

const some = (fields: Record<string, unknown>) =>
  Object.values(fields).some((value) => value !== undefined) ? fields : undefined

/**
 * Only what is new, where the vendor keeps the rest: answers are kept (`store`), and the answer with that id is in the
 * history with this owner's mark. An id that another target made is not known here.
 */
const continuation = ({ owner, store }: Fixed, options: DialectCall["options"]) => {
  const { incrementalPrompt: prompt, previousResponseId: id } = options
  if (!store || id === undefined || prompt === undefined) return undefined
  const made = options.prompt.content.some(
    (message) =>
      message.role === "assistant" && message.content.some((part) => record(part.options[owner])?.["responseId"] === id)
  )
  return made ? { id, prompt } : undefined
}

interface Format {
  readonly field?: unknown
  /** For the system text. */
  readonly instruction?: string
}

const formatOf = ({ capabilities }: Fixed, format: DialectCall["options"]["responseFormat"]): Format | Fault => {
  if (format.type === "text") return {}
  const schema = AnswerSchema.jsonSchemaOf(format)
  if (schema === undefined) return unsupported("responseFormat", "The schema has no JSON Schema", false)
  if (!capabilities.has("json-schema")) {
    return { field: { type: "json_object" }, instruction: AnswerSchema.instruction(schema) }
  }
  const strict = StrictSchema.narrow(schema)
  return {
    field: {
      type: "json_schema",
      name: AnswerSchema.nameOf(format),
      schema: strict ?? schema,
      strict: strict !== undefined
    }
  }
}

const holdsSound = (prompt: Prompt.Prompt): boolean =>
  someFile(prompt, (part) => /^(audio|video)\//.test(part.mediaType))

/** `gs:`, `s3:`, `file:`, …: nothing the vendor can fetch, and no data either. */
const holdsAddress = (prompt: Prompt.Prompt): boolean =>
  someFile(prompt, ({ data }) => {
    const address = data instanceof URL ? data.href : typeof data === "string" ? data.slice(0, 16) : ""
    return /^[a-z][a-z0-9+.-]*:/i.test(address) && !/^(https?|data):/i.test(address)
  })

const someFile = (prompt: Prompt.Prompt, matches: (part: Prompt.FilePart) => boolean): boolean =>
  prompt.content.some(
    (message) => message.role === "user" && message.content.some((part) => part.type === "file" && matches(part))
  )
