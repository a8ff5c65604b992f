import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { JsoncError, parse } from "../../src/sources/internal/jsonc.ts"

const mistake = (text: string): string => {
  try {
    parse(text)
  } catch (error) {
    assert.instanceOf(error, JsoncError)
    return (error as Error).message
  }
  return assert.fail(`accepted: ${text}`)
}

describe("JSON with comments", () => {
  it("reads every JSON value as JSON.parse does, also with comments and trailing commas in every gap", () => {
    const comment = fc.constantFrom("", " ", "\n", '// "x": [1,\n', "/* } */", "/**/\t")
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(comment, { minLength: 1, maxLength: 5 }), (value, gaps) => {
        const plain = JSON.stringify(value)
        const expected: unknown = JSON.parse(plain)
        assert.deepStrictEqual(parse(plain), expected)
        let gap = 0
        const next = () => gaps[gap++ % gaps.length] ?? ""
        const print = (part: unknown): string => {
          if (Array.isArray(part)) return `[${next()}${part.map((one) => `${print(one)}${next()},${next()}`).join("")}]`
          if (typeof part !== "object" || part === null) return JSON.stringify(part)
          const members = Object.entries(part).map(
            ([key, one]) => `${JSON.stringify(key)}${next()}:${next()}${print(one)}${next()},${next()}`
          )
          return `{${next()}${members.join("")}}`
        }
        assert.deepStrictEqual(parse(`${next()}${print(expected)}${next()}`), expected)
      }),
      { numRuns: 100, seed: 1 }
    )
  })

  it("refuses what JSON.parse refuses, where nothing of it is a comment or a trailing comma", () => {
    const pieces = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"b"',
      "1",
      "-",
      "01",
      "1.",
      "true",
      "nul",
      " ",
      '"'
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 7 }), (list) => {
        const text = list.join("")
        let valid = true
        try {
          JSON.parse(text)
        } catch {
          valid = false
        }
        const duplicate = /"([ab])":[^[{]*,"\1":/.test(text.replaceAll(" ", ""))
        if (valid && !duplicate) return assert.doesNotThrow(() => parse(text))
        if (!valid && !/,\s*[\]}]/.test(text)) mistake(text)
      }),
      { numRuns: 300, seed: 2 }
    )
  })

  it("keeps comment signs inside strings", () => {
    assert.deepStrictEqual(parse(`{"url": "https://x//y", "c": "/* no */,}"} // end`), {
      url: "https://x//y",
      c: "/* no */,}"
    })
  })

  it.each([
    ['{\n  "a": 1\n  "b": 2\n}', `line 3, column 3: expected "," or "}"`],
    ['{"a": }', "line 1, column 7: expected a value"],
    ["{a: 1}", `line 1, column 2: expected a key in double quotes, or "}"`],
    ['{"a" 1}', 'line 1, column 6: expected ":"'],
    ["[1", `line 1, column 3: expected "," or "]"`],
    ["[1,", "line 1, column 4: it ends too early"],
    ["[,]", "line 1, column 2: expected a value"],
    ["", "line 1, column 1: it ends too early"],
    ["1 2", "line 1, column 3: expected the end"],
    ["[] /* x", "line 1, column 4: a comment that does not end"],
    ['{"weight": 1,\n "weight": 2}', "line 2, column 2: a key that this object has already"],
    ["[01]", "line 1, column 2: expected a value"],
    ['"a\nb"', "line 1, column 1: a string that does not end, or has a character that must be escaped"],
    ["[".repeat(1000), "line 1, column 66: more than 64 levels"]
  ])("%j: %s", (text, message) => {
    assert.strictEqual(mistake(text), message)
  })

  it("repeats nothing of the text", () => {
    for (const text of ['{"key": sk-secret}', '{"key": "sk-secret', '["sk-secret" "sk-secret"]']) {
      assert.notInclude(mistake(text), "secret")
    }
  })

  it("takes __proto__ for a key like any other", () => {
    const parsed = parse(`{"__proto__": {"polluted": true}}`)
    assert.isUndefined((parsed as { polluted?: unknown }).polluted)
    assert.deepStrictEqual(Object.keys(parsed as object), ["__proto__"])
  })

  it("skips a byte order mark", () => {
    assert.deepStrictEqual(parse("\uFEFF[1]"), [1])
  })
})
