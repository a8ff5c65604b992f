import { assert, describe, it } from "@effect/vitest"
import { FakeAnswer } from "@spillway/providers/testing"
import fc from "fast-check"
import { tokensOf } from "../../src/testing/internal/Tokens.ts"

const question = fc.string({ unit: "grapheme" })
const mixed = fc
  .array(fc.constantFrom(" ", "\n", "\u2028", "a", "é", "東", "🌊", "\ud800"), { maxLength: 80 })
  .map((all) => all.join(""))
const length = fc.integer({ min: 1, max: 60 })

describe("FakeAnswer", () => {
  it("gives the same question the same answer, and another question another one", () => {
    assert.strictEqual(FakeAnswer.answerTo("one", 5), FakeAnswer.answerTo("one", 5))
    assert.notStrictEqual(FakeAnswer.answerTo("one", 5), FakeAnswer.answerTo("two", 5))
    fc.assert(
      fc.property(question, question, length, (one, two, n) => {
        fc.pre(one !== two)
        assert.notStrictEqual(FakeAnswer.answerTo(one, n), FakeAnswer.answerTo(two, n))
      })
    )
  })

  it("has exactly the tokens asked for, the last one a checksum", () => {
    fc.assert(
      fc.property(question, length, (asked, n) => {
        const tokens = tokensOf(FakeAnswer.answerTo(asked, n))
        assert.strictEqual(tokens.length, n)
        assert.match(tokens.at(-1) ?? "", /^ ?#[0-9a-f]{8}$/)
      })
    )
  })

  it("accepts a whole answer of any length", () => {
    fc.assert(
      fc.property(question, length, (asked, n) => FakeAnswer.isCompleteAnswer(asked, FakeAnswer.answerTo(asked, n)))
    )
  })

  it("notices an answer that is cut anywhere", () => {
    const whole = FakeAnswer.answerTo("why?", 12)
    for (let end = 0; end < whole.length; end++) {
      assert.isFalse(FakeAnswer.isCompleteAnswer("why?", whole.slice(0, end)), whole.slice(0, end))
    }
  })

  it("notices an answer that is doubled, spliced, repeated in part, or somebody else's", () => {
    fc.assert(
      fc.property(question, question, fc.integer({ min: 2, max: 40 }), fc.nat(), (one, two, n, at) => {
        fc.pre(one !== two)
        const whole = FakeAnswer.answerTo(one, n)
        const other = FakeAnswer.answerTo(two, n)
        const tokens = tokensOf(whole)
        const head = tokens.slice(0, 1 + (at % (n - 1))).join("")
        assert.isFalse(FakeAnswer.isCompleteAnswer(one, whole + whole))
        assert.isFalse(FakeAnswer.isCompleteAnswer(one, `${whole} ${whole}`))
        assert.isFalse(FakeAnswer.isCompleteAnswer(one, `${head} ${whole}`))
        assert.isFalse(FakeAnswer.isCompleteAnswer(one, `${head} ${other}`))
        assert.isFalse(FakeAnswer.isCompleteAnswer(one, other))
        assert.isFalse(FakeAnswer.isCompleteAnswer(one, ` ${whole}`))
      })
    )
  })

  it("counts tokens whose join is the text, none longer than twelve characters", () => {
    assert.deepStrictEqual(tokensOf("a bb  ccc\n"), ["a", " bb", "  ccc", "\n"])
    fc.assert(
      fc.property(fc.oneof(question, mixed), (text) => {
        const tokens = tokensOf(text)
        assert.strictEqual(tokens.join(""), text)
        assert.isTrue(tokens.every((token) => [...token].length <= 12))
      })
    )
  })
})
