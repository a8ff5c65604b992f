/**
 * The name of an answer in a cache: a hash over everything the answer depends on, the tenant first of all. Two calls with
 * the same key may be answered by one run; calls of different tenants never have the same key.
 *
 * A key is `v1.<tenant>.<hash>`: 16 hexadecimal digits for the tenant, so that what is cached for one can be forgotten
 * (`prefix`), and 64 for all of it, the tenant included. It says nothing about the prompt, so it may stand in records and
 * spans. A change in how keys are made changes the version, and old entries are no longer found.
 *
 * Source: SHA-256 (FIPS 180-4) over canonical JSON (RFC 8785). Effect's `Hash` has 32 bits, which collide after some ten
 * thousand prompts.
 */
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import type * as Brand from "effect/Brand"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { ModelOptions } from "../model/ProviderModel.ts"
import { canonical, NoText } from "./internal/cache/canonical.ts"
import { digest } from "./internal/cache/sha256.ts"

/** A text that came out of `make` or `of`; the cache takes no other, so that nobody forgets the tenant. */
export type CacheKey = Brand.Branded<string, "@spillway/core/CacheKey">

/** The call has no key, so it cannot be cached: what it depends on holds something that cannot be written down. */
export class NotKeyable extends Schema.TaggedError<NotKeyable>()("NotKeyable", {
  /** Where it stands: `prompt`, `tools`, `settings`, … */
  where: Schema.String,
  /** What it is: `a function`, `a cycle, or something very deep`, … Never a value. */
  what: Schema.String
}) {
  override get message() {
    return `No cache key: ${this.where} holds ${this.what}`
  }
}

/** A call to a model. `ModelOptions` can be spread into it: what is not named here (the span) changes no answer. */
export interface ModelCall
  extends Pick<ModelOptions, "prompt" | "tools" | "toolChoice" | "responseFormat">,
    Partial<Pick<ModelOptions, "previousResponseId" | "toolCallValidation">> {
  /** Whose call it is. `undefined` is a tenant of its own: those who name none share with each other only. */
  readonly tenant: string | undefined
  /** Which router or model alias is asked: two of them may answer differently. */
  readonly route: string
  /** A whole answer and a streamed one have different parts. */
  readonly operation: "generate" | "stream"
  /**
   * Whatever else changes the answer: temperature, output cap, reasoning effort, stop words, the schema version of the
   * application. Leave out what does not, or nothing will ever be found: trace ids, a user's id, headers. Default none.
   */
  readonly settings?: unknown
}

/** The key of a call to a model: prompt, tools, tool choice, response format and settings of one tenant on one route. */
export const make = (call: ModelCall): Effect.Effect<CacheKey, NotKeyable> =>
  keyOf(call.tenant, {
    kind: () => '"model"',
    route: () => canonical(call.route),
    operation: () => canonical(call.operation),
    prompt: () => canonical(call.prompt.content),
    tools: () => `[${call.tools.map(toolText).join(",")}]`,
    toolChoice: () => canonical(call.toolChoice),
    responseFormat: () => formatText(call.responseFormat),
    previousResponseId: () => canonical(call.previousResponseId),
    toolCallValidation: () => canonical(call.toolCallValidation),
    settings: () => canonical(call.settings)
  })

/**
 * The key of anything else a tenant may ask for. `what` has to say everything the answer depends on, the kind of the answer
 * included: strings, numbers, lists, plain objects, bytes, dates and URLs, in any depth.
 */
export const of = (tenant: string | undefined, what: unknown): Effect.Effect<CacheKey, NotKeyable> =>
  keyOf(tenant, { kind: () => '"other"', what: () => canonical(what) })

/** What all keys of a tenant begin with: for `ResponseCache.invalidatePrefix`. */
export const prefix = (tenant: string | undefined): Effect.Effect<string> =>
  Effect.map(digest(`tenant ${canonical(tenant)}`), (hash) => `${version}.${hash.slice(0, 16)}.`)

const version = "v1"

const keyOf = (
  tenant: string | undefined,
  facts: Readonly<Record<string, () => string>>
): Effect.Effect<CacheKey, NotKeyable> =>
  Effect.suspend(() => {
    const written: Array<string> = [canonical(tenant)]
    for (const [where, fact] of Object.entries(facts)) {
      try {
        written.push(`${where}=${fact()}`)
      } catch (error) {
        const what = error instanceof NoText ? error.message : "something that cannot be read"
        return Effect.fail(new NotKeyable({ where, what }))
      }
    }
    return Effect.zipWith(
      prefix(tenant),
      digest(written.join("\n")), // no line break is left unescaped in canonical JSON, so the lines cannot be mistaken
      (prefix, hash) => `${prefix}${hash}` as CacheKey
    )
  })

/** Schemas are derived once: a tool is a value that nobody changes, and takes longer to describe than a prompt to hash. */
const toolTexts = new WeakMap<Tool.Any, string>()

const toolText = (tool: Tool.Any): string => {
  const known = toolTexts.get(tool)
  if (known !== undefined) return known
  const text = canonical({
    id: tool.id,
    name: tool.name,
    description: Tool.getDescription(tool),
    strict: Tool.getStrictMode(tool),
    // What the provider runs itself is described by its arguments.
    ...(Tool.isProviderDefined(tool)
      ? { providerName: tool.providerName, args: tool.args }
      : { schema: Tool.getJsonSchema(tool) })
  })
  toolTexts.set(tool, text)
  return text
}

/** As the providers send it: the JSON Schema that `effect/ai` derives by default. */
const formatText = (format: ModelOptions["responseFormat"]): string =>
  format.type === "text"
    ? '"text"'
    : canonical({
        name: format.objectName,
        schema: LanguageModel.defaultCodecTransformer(
          format.schema as Parameters<typeof LanguageModel.defaultCodecTransformer>[0]
        ).jsonSchema
      })
