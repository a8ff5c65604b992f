/** JSON with comments, decoded; what is wrong is said by file, line or path, what was allowed and what there was. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { type ParseError, parse, printParseErrorCode } from "jsonc-parser"
import { Failure } from "./Failure.ts"

/** More mistakes than this are mostly the same one. */
const mostMistakes = 10

const standard = SchemaIssue.makeFormatterStandardSchemaV1()

/** `traffic[0].arrivals.kind` */
const pathOf = (keys: ReadonlyArray<PropertyKey>): string =>
  keys.reduce<string>((path, key) => {
    if (typeof key === "number") return `${path}[${key}]`
    const name = String(key)
    return /^[A-Za-z_$][\w$]*$/.test(name)
      ? `${path}${path === "" ? "" : "."}${name}`
      : `${path}[${JSON.stringify(name)}]`
  }, "")

const valueAt = (value: unknown, keys: ReadonlyArray<PropertyKey>): unknown =>
  keys.reduce<unknown>(
    (at, key) => (typeof at === "object" && at !== null && Object.hasOwn(at, key) ? Reflect.get(at, key) : undefined),
    value
  )

const show = (value: unknown): string => {
  if (value === undefined) return "nothing"
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

const failed = (file: string, lines: ReadonlyArray<string>) =>
  new Failure({
    message: [
      ...lines.slice(0, mostMistakes),
      ...(lines.length > mostMistakes ? [`and ${lines.length - mostMistakes} more`] : [])
    ]
      .map((line) => `${file}: ${line}`)
      .join("\n")
  })

const position = (text: string, offset: number): string => {
  const before = text.slice(0, offset).split("\n")
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`
}

/** `text` may begin with a byte order mark, and have comments and trailing commas. */
export const decode = <S extends Schema.Decoder<unknown>>(
  schema: S,
  file: string,
  text: string
): Effect.Effect<S["Type"], Failure> =>
  Effect.suspend(() => {
    const errors: Array<ParseError> = []
    const value: unknown = parse(text.replace(/^\ufeff/, ""), errors, { allowTrailingComma: true })
    if (errors.length > 0) {
      const lines = errors.map(({ error, offset }) => `${position(text, offset)}: ${printParseErrorCode(error)}`)
      return Effect.fail(failed(file, lines))
    }
    return Effect.mapError(decodeValue(schema)(value), ({ issue }) => {
      const lines = standard(issue).issues.map(({ message, path }) => {
        const keys = (path ?? []).map((part) => (typeof part === "object" ? part.key : part))
        const where = keys.length === 0 ? "the file" : pathOf(keys)
        return `${where}: ${message}${message.includes(", got ") ? "" : `, got ${show(valueAt(value, keys))}`}`
      })
      return failed(file, lines)
    })
  })

const decodeValue = <S extends Schema.Decoder<unknown>>(schema: S) =>
  Schema.decodeUnknownEffect(schema, { onExcessProperty: "error", errors: "all" })
