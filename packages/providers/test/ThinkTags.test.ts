import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as ThinkTags from "../src/internal/chat/ThinkTags.ts"
import { decode as decodeDefault } from "./support/Fixtures.ts"

/** All that comes of these pieces: thinking and text, each joined. */
const told = (...pieces: ReadonlyArray<string>) => {
  const tags = ThinkTags.make()
  const all = [...pieces.flatMap((piece) => tags.feed(piece)), ...tags.end()]
  const of = (kind: ThinkTags.Piece["kind"]) =>
    all.flatMap((piece) => (piece.kind === kind ? [piece.text] : [])).join("")
  const firstText = all.findIndex(({ kind }) => kind === "text")
  const inOrder = firstText < 0 || all.slice(firstText).every(({ kind }) => kind === "text")
  assert.isTrue(inOrder, "thinking after text")
  assert.isFalse(
    all.some(({ text }) => text === ""),
    "an empty piece"
  )
  return [of("reasoning"), of("text")]
}

const cases: ReadonlyArray<readonly [what: string, given: string, reasoning: string, text: string]> = [
  ["thinking, then text", "<think>a</think>b", "a", "b"],
  ["blanks around the tags", " \n<think>\na\n</think>\n\n b", "\na\n", "b"],
  ["no thinking", "  plain <b>text</b>", "", "  plain <b>text</b>"],
  ["empty thinking", "<think>\n\n</think>\n\nb", "\n\n", "b"],
  ["a tag later on", "The tag <think> opens, </think> closes.", "", "The tag <think> opens, </think> closes."],
  ["a second pair", "<think>a</think>b<think>c</think>", "a", "b<think>c</think>"],
  ["another tag that begins alike", "<thinking>a</thinking>", "", "<thinking>a</thinking>"],
  ["half an opening tag at the end", "<thi", "", "<thi"],
  ["half a closing tag inside", "<think>a</thin b</think>c", "a</thin b", "c"],
  ["thinking that was cut", "<think>a</thi", "a</thi", ""],
  ["only thinking", "<think>a</think>\n", "a", ""],
  ["only blanks", " \n", "", ""],
  ["nothing", "", "", ""],
  ["a sign that is less", "< b", "", "< b"]
]

describe("think tags", () => {
  for (const [what, given, reasoning, text] of cases) {
    it(`${what}: the same at every split`, () => {
      assert.deepStrictEqual(told(given), [reasoning, text])
      for (let at = 1; at < given.length; at++) {
        assert.deepStrictEqual(told(given.slice(0, at), given.slice(at)), [reasoning, text], `split at ${at}`)
      }
      assert.deepStrictEqual(told(...given), [reasoning, text], "character by character")
    })
  }

  it("any text is told the same, however it is cut, and nothing but tags and blanks is lost", () => {
    const piece = fc.oneof(
      fc.constantFrom("<think>", "</think>", "<th", "ink>", " ", "\n", "a<b"),
      fc.string({ maxLength: 5 })
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const whole = told(pieces.join(""))
        assert.deepStrictEqual(told(...pieces), whole)
        const bare = (text: string) => text.replace("<think>", "").replace("</think>", "").replace(/\s/g, "")
        const kept = bare(whole.join(""))
        assert.isTrue(bare(pieces.join("")) === kept || pieces.join("").includes("think>"), kept)
      }),
      { numRuns: 300 }
    )
  })

  it("are text unless a profile says otherwise", () => {
    const { parts } = decodeDefault([
      `data: {"choices":[{"index":0,"delta":{"content":"<think>a</think>b"},"finish_reason":"stop"}]}\n\n`
    ])
    assert.isFalse(parts.some(({ type }) => type.startsWith("reasoning")))
  })
})
