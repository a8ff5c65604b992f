import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { type LanguageModel, Prompt, Tool } from "effect/ai"
import fc from "fast-check"
import * as TokenEstimate from "../../src/model/TokenEstimate.ts"
import * as Tokenizer from "../../src/policies/Tokenizer.ts"

/** Written for this test, each with what the o200k encoding makes of it. */
const known: ReadonlyArray<readonly [string, number]> = [
  ["The quick brown fox jumps over the lazy dog.", 10],
  ["Hello, world!", 4],
  ["2 + 2 = 4", 7],
  [
    "A router picks a target for each call, keeps the call inside its deadline and moves it when the chosen target is busy, slow or broken.",
    29
  ],
  [
    "Le routeur choisit une cible pour chaque appel, le garde dans ses délais et le déplace lorsque la cible est occupée.",
    27
  ],
  [
    "Маршрутизатор выбирает цель для каждого вызова, удерживает вызов в пределах срока и переносит его, если цель занята.",
    30
  ],
  ["路由器为每个调用选择一个目标，使调用保持在期限之内，并在目标繁忙、缓慢或损坏时将其转移到另一个目标。", 38],
  [
    "ルーターは呼び出しごとにターゲットを選び、期限内に呼び出しを収め、ターゲットが混雑している場合は別のターゲットへ移します。",
    48
  ],
  [
    "라우터는 각 호출에 대해 대상을 선택하고 호출을 기한 내에 유지하며 대상이 바쁘거나 느리면 다른 대상으로 옮깁니다.",
    35
  ],
  ["يختار الموجه هدفا لكل مكالمة ويبقي المكالمة ضمن موعدها النهائي وينقلها عندما يكون الهدف مشغولا.", 30],
  ["राउटर प्रत्येक कॉल के लिए एक लक्ष्य चुनता है और कॉल को उसकी समय सीमा के भीतर रखता है।", 24],
  ["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", 46]
]

type Options = LanguageModel.ProviderOptions

const options = (prompt: Prompt.RawInput, over: Partial<Options> = {}): Options =>
  ({
    prompt: Prompt.make(prompt),
    tools: [],
    responseFormat: { type: "text" },
    toolChoice: "auto",
    previousResponseId: undefined,
    ...over
  }) as unknown as Options

const estimate = (given: Options) => TokenEstimate.make().estimate(given)

const weather = Tool.make("weather", {
  description: "The weather of a city",
  parameters: Schema.Struct({ city: Schema.String, days: Schema.Int, unit: Schema.Literals(["celsius", "fahrenheit"]) })
})

describe("the estimate of a text", () => {
  it("is of the order of what a tokenizer counts, in any script", () => {
    for (const [text, count] of known) {
      const ratio = TokenEstimate.text(text) / count
      assert.isTrue(ratio > 0.7 && ratio < 1.4, `${ratio.toFixed(2)}: ${text}`)
    }
    const all = known.reduce((sum, [text]) => sum + TokenEstimate.text(text), 0)
    const counted = known.reduce((sum, [, count]) => sum + count, 0)
    assert.approximately(all / counted, 1, 0.1)
  })

  it("is finite, at least 0, at most one per character, and grows with the text", () => {
    const piece = fc.constantFrom(
      "word",
      "Wörter",
      "SHOUT",
      " ",
      "\n\n",
      "    ",
      "12345",
      "});",
      "世界",
      "한국",
      "мир",
      "🎉",
      "\ud83d",
      "\0"
    )
    const words = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(""))
    fc.assert(
      fc.property(words, words, (a, b) => {
        const tokens = TokenEstimate.text(a)
        assert.isTrue(Number.isFinite(tokens) && tokens >= 0 && tokens <= a.length)
        // Two runs may become one at the seam.
        assert.isAtLeast(TokenEstimate.text(a + b) + 2, tokens)
      }),
      { numRuns: 300 }
    )
    assert.strictEqual(TokenEstimate.text(""), 0)
  })

  it("is one walk over the text", () => {
    const page = "word, 12 Wörter und 世界! "
    const began = performance.now()
    const many = TokenEstimate.text(page.repeat(40_000))
    // A megabyte takes milliseconds; looking back from every character would take minutes.
    assert.isBelow(performance.now() - began, 10_000)
    assert.approximately(many / 40_000, TokenEstimate.text(page), 1)
  })
})

describe("the estimate of a call", () => {
  it("counts system text, messages, what tools said and were asked, and 1000 for an image", () => {
    const word = (n: number) => "word ".repeat(n).trim()
    const one = estimate(options([{ role: "user", content: [{ type: "text", text: word(10) }] }]))
    assert.strictEqual(one, 14)
    assert.strictEqual(
      estimate(
        options([
          { role: "system", content: word(10) },
          { role: "user", content: [{ type: "text", text: word(10) }] }
        ])
      ),
      28
    )
    const image = { type: "file", mediaType: "image/png", data: new Uint8Array(100_000) } as const
    assert.strictEqual(estimate(options([{ role: "user", content: [{ type: "text", text: word(10) }, image] }])), 1014)
    const asked = {
      type: "tool-call",
      id: "1",
      name: "weather",
      params: { city: word(50) },
      providerExecuted: false
    } as const
    const said = {
      type: "tool-result",
      id: "1",
      name: "weather",
      isFailure: false,
      result: [word(90), 1, null, true]
    } as const
    const talk = estimate(
      options([
        { role: "assistant", content: [{ type: "reasoning", text: word(20) }, asked] },
        { role: "tool", content: [said] }
      ])
    )
    assert.isTrue(talk > 170 && talk < 210, String(talk))
  })

  it("counts the JSON schema of each tool and of the answer, and makes them once", () => {
    const plain = options("hi")
    const withTool = options("hi", { tools: [weather] })
    const estimator = TokenEstimate.make()
    const schema = TokenEstimate.json(Tool.getJsonSchema(weather))
    assert.isTrue(schema > 30 && schema < 120, String(schema))
    const tool = estimator.estimate(withTool) - estimator.estimate(plain)
    assert.isTrue(tool > schema && tool < schema + 30, String(tool))
    assert.strictEqual(estimator.estimate(withTool) - estimator.estimate(plain), tool)
    const json = options("hi", {
      responseFormat: { type: "json", objectName: "answer", schema: Schema.Struct({ answer: Schema.String }) }
    })
    assert.isAbove(estimator.estimate(json), estimator.estimate(plain) + 10)
  })

  it("ends with what refers to itself", () => {
    const loop: Record<string, unknown> = {}
    loop["self"] = loop
    assert.isTrue(Number.isFinite(TokenEstimate.json(loop)))
  })
})

describe("a tokenizer", () => {
  it.effect("is the estimate by default, and is swapped by a layer", () =>
    Effect.gen(function* () {
      const current = Effect.gen(function* () {
        return yield* Tokenizer.CurrentTokenizer
      })
      assert.strictEqual((yield* current).estimate(options("hi")), 5)
      const own = Layer.succeed(Tokenizer.CurrentTokenizer, { estimate: () => 42 })
      assert.strictEqual((yield* Effect.provide(current, own)).estimate(options("hi")), 42)
    })
  )

  it("that says nothing sensible counts as not having said anything", () => {
    const of = (tokens: number) => Tokenizer.count({ estimate: () => tokens }, options("hi"))
    assert.deepStrictEqual([3.2, 0, -1, Number.NaN, Number.POSITIVE_INFINITY].map(of), [4, 0, 0, 0, 0])
  })
})
