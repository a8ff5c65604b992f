/** What a schema found wrong, in sentences like those of `InvalidOption`: path, what is allowed there, what it was. */
import type * as SchemaAST from "effect/SchemaAST"
import type * as SchemaIssue from "effect/SchemaIssue"
import { hiddenKind, InvalidOption } from "../../model/InvalidOption.ts"

type Path = ReadonlyArray<PropertyKey>

/**
 * One sentence per mistake, in the order of the data. The expectations are the `message` annotations of the schema. Where
 * `isSecret` says so, a sentence tells what kind of value it was, and no more.
 */
export const complaintsOf = (
  issue: SchemaIssue.Issue,
  data: unknown,
  isSecret: (path: Path) => boolean
): ReadonlyArray<string> =>
  flatten(issue, []).map(({ expected, path, unknownOf }) => {
    const where = show(path)
    if (unknownOf !== undefined) return unknownKey(where, String(path.at(-1)), unknownOf)
    const value = valueAt(data, path)
    return new InvalidOption(where, expected, isSecret(path) && typeof value !== "object" ? hiddenKind(value) : value)
      .message
  })

interface Complaint {
  readonly path: Path
  readonly expected: string
  /** The keys that are read there, if the complaint is a key that is not. */
  readonly unknownOf?: ReadonlyArray<string>
}

const flatten = (issue: SchemaIssue.Issue, path: Path, expected?: string): ReadonlyArray<Complaint> => {
  switch (issue._tag) {
    case "Pointer":
      return flatten(issue.issue, [...path, ...issue.path], expected)
    case "Filter":
      return flatten(issue.issue, path, messageOf(issue.filter.annotations) ?? expected)
    case "Encoding":
      return flatten(issue.issue, path, expected)
    case "Composite":
      return issue.issues.flatMap((inner) => flatten(inner, path, expected))
    case "UnexpectedKey":
      return [{ path, expected: "", unknownOf: keysOf(issue.ast) }]
    case "MissingKey":
      return [{ path, expected: messageOf(issue.annotations) ?? "given" }]
    case "AnyOf":
    case "OneOf":
    case "InvalidType":
      return [{ path, expected: expected ?? messageOf(issue.ast.annotations) ?? "of another type" }]
    default:
      return [{ path, expected: expected ?? messageOf(issue.annotations) ?? "a valid value" }]
  }
}

const messageOf = (annotations: unknown): string | undefined => {
  const message = (annotations as { readonly message?: unknown } | undefined)?.message
  return typeof message === "string" ? message : undefined
}

const keysOf = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  ast._tag === "Objects" ? ast.propertySignatures.map(({ name }) => String(name)) : []

const valueAt = (data: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    data
  )

/** `targets[2].weight`. */
const show = (path: Path): string =>
  path.length === 0
    ? "it"
    : path
        .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key).slice(0, 80)}`))
        .join("")
        .replace(/^\./, "")

const unknownKey = (where: string, key: string, known: ReadonlyArray<string>): string => {
  const near = known.find((name) => distance(key.toLowerCase(), name.toLowerCase()) <= Math.max(2, name.length / 3))
  const hint = near === undefined ? "" : `; did you mean ${near}?`
  return `${where} is not known${hint === "" ? `; known are ${known.join(", ")}` : hint}`
}

/** How many letters have to be changed, added or left out. Source: Levenshtein, 1966. */
const distance = (a: string, b: string): number => {
  if (Math.abs(a.length - b.length) > 8) return 9
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
