/**
 * A JSON Schema narrowed to the keywords a vendor writes answers by: what `StrictSchema` and the Messages dialect have in
 * common. `undefined` when a node cannot be said: no kind, a list of fixed places, an object of any properties.
 */
import { type JsonRecord, list, record } from "../json.ts"

/** In what vendors differ. */
export interface Rules {
  /** Taken over as they are. */
  readonly copied: ReadonlyArray<string>
  /** One of them makes a schema of a node. */
  readonly kinds: ReadonlyArray<string>
  /** Which stand for a union; it is written as `anyOf`. */
  readonly unions: ReadonlyArray<string>
  /** Further fields of an object with these properties; `undefined`: the vendor takes no such object. */
  readonly ofObject: (properties: ReadonlyArray<string>, required: ReadonlySet<unknown>) => JsonRecord | undefined
}

export const narrow = (schema: unknown, rules: Rules): JsonRecord | undefined => {
  const from = record(schema)
  if (from === undefined || !rules.kinds.some((key) => key in from)) return undefined
  const to: Record<string, unknown> = {}
  for (const key of rules.copied) if (from[key] !== undefined) to[key] = from[key]
  const union = rules.unions.find((key) => from[key] !== undefined)
  if (union !== undefined) {
    const members = list(from[union]).map((member) => narrow(member, rules))
    if (members.length === 0 || members.includes(undefined)) return undefined
    to["anyOf"] = members
  }
  if (from["type"] === "array") {
    const items = narrow(from["items"], rules)
    if (items === undefined || from["prefixItems"] !== undefined) return undefined
    to["items"] = items
  }
  if (from["type"] === "object") {
    if (record(from["additionalProperties"]) !== undefined || from["patternProperties"] !== undefined) return undefined
    const properties = children(from["properties"], rules)
    const fields = properties && rules.ofObject(Object.keys(properties), new Set(list(from["required"])))
    if (fields === undefined) return undefined
    Object.assign(to, { properties, ...fields, additionalProperties: false })
  }
  if (from["$defs"] !== undefined) {
    const definitions = children(from["$defs"], rules)
    if (definitions === undefined) return undefined
    to["$defs"] = definitions
  }
  return to
}

const children = (value: unknown, rules: Rules): Record<string, JsonRecord> | undefined => {
  const to: Record<string, JsonRecord> = {}
  for (const [name, child] of Object.entries(record(value) ?? {})) {
    const narrowed = narrow(child, rules)
    if (narrowed === undefined) return undefined
    to[name] = narrowed
  }
  return to
}
