/**
 * Answers nobody should send: the events of a dialect, out of order and more than once, with fields missing, doubled, and of
 * the wrong kind. For tests of what holds whatever comes.
 */
import * as fc from "fast-check"

export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/** What an event is called beside its data, and the data. */
export type Event = readonly [name: string, data: Json]

const depth = 20_000
/** `JSON.parse` reads it, `JSON.stringify` cannot write it. */
const deep = `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`

/** The data as it goes on the wire. */
export const written = (data: unknown): string =>
  JSON.stringify(data)
    .replaceAll('"@deep"', deep)
    .replaceAll('"@proto"', '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}')
    .replaceAll('"@huge"', "1e999")

const odd: ReadonlyArray<Json> = [
  ...[null, true, false, 0, -1, 1.5, 2 ** 53, 1e300, "@huge", "", " ", "x", "0", "{", '{"a":1}', "[]", "null"],
  ...[[], {}, [null], [[]], [{}], ["x"], { type: "x" }, { text: 1 }, { error: {} }, "@deep", "@proto"],
  ...["error", "in_progress", "failed", "__proto__", "constructor", "http://[", "é".repeat(300)]
]

interface Change {
  readonly at: number
  readonly kind: "set" | "drop" | "list"
  readonly value: Json
}

const changes = (words: ReadonlyArray<Json>, maxLength: number): fc.Arbitrary<ReadonlyArray<Change>> =>
  fc.array(
    fc.record({
      at: fc.nat(10_000),
      kind: fc.constantFrom("set" as const, "set" as const, "drop" as const, "list" as const),
      value: fc.constantFrom(...odd, ...words)
    }),
    { maxLength }
  )

/** All fields of a value, by the paths that lead to them. */
const paths = (value: Json, path: ReadonlyArray<string> = []): Array<ReadonlyArray<string>> =>
  typeof value === "object" && value !== null
    ? [path, ...Object.entries(value).flatMap(([key, child]) => paths(child, [...path, key]))]
    : [path]

const changed = (value: Json, { at, kind, value: put }: Change): Json => {
  const all = paths(value)
  const path = all[at % all.length] ?? []
  const go = (node: Json, depth: number): Json | undefined => {
    const key = path[depth]
    if (key === undefined) return kind === "set" ? put : kind === "list" ? [node] : undefined
    const entries = Object.entries(node as object).map(([name, child]): [string, Json | undefined] => [
      name,
      name === key ? go(child as Json, depth + 1) : (child as Json)
    ])
    const kept = entries.filter((entry): entry is [string, Json] => entry[1] !== undefined)
    return Array.isArray(node) ? kept.map(([, child]) => child) : Object.fromEntries(kept)
  }
  return go(value, 0) ?? null
}

/** `events` in any order and number, sometimes as they should come, with some of their fields changed. */
export const streams = (events: ReadonlyArray<Event>): fc.Arbitrary<ReadonlyArray<Event>> => {
  const words = events.flatMap(([, data]) => stringsOf(data))
  const order = fc.oneof(
    fc.constant([...events]),
    fc.subarray([...events]),
    fc.array(fc.constantFrom(...events), { maxLength: 12 })
  )
  return fc.tuple(order, changes(words, 4)).map(([chosen, made]) => {
    const data = made.reduce<Json>(
      changed,
      chosen.map(([, data]) => data)
    )
    const list = Array.isArray(data) ? (data as ReadonlyArray<Json>) : [data]
    return list.map((data, i): Event => [chosen[i]?.[0] ?? "", data])
  })
}

/** One of `answers` with some of its fields changed. */
export const wholes = (...answers: ReadonlyArray<Json>): fc.Arbitrary<Json> =>
  fc
    .tuple(fc.constantFrom(...answers), changes(answers.flatMap(stringsOf), 4))
    .map(([answer, made]) => made.reduce<Json>(changed, answer))

const stringsOf = (value: Json): Array<Json> => {
  if (typeof value === "string") return [value]
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(stringsOf) : []
}
