import { createHash } from "node:crypto"
import { isDeepStrictEqual } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Tracer } from "effect"
import { Prompt, Tool, Toolkit } from "effect/ai"
import * as WebCrypto from "effect/crypto/WebCrypto"
import fc from "fast-check"
import type { ModelOptions } from "../../src/model/ProviderModel.ts"
import * as CacheKey from "../../src/policies/CacheKey.ts"
import { canonical } from "../../src/policies/internal/cache/canonical.ts"
import { digest, sha256 } from "../../src/policies/internal/cache/sha256.ts"

const weather = (description: string, parameters: Schema.Top = Schema.Struct({ city: Schema.String })) =>
  Tool.make("Weather", { description, parameters: parameters as typeof Schema.Unknown, success: Schema.Number })

const call: CacheKey.ModelCall = {
  tenant: "acme",
  route: "chat",
  operation: "generate",
  prompt: Prompt.make([
    { role: "system", content: "Be brief." },
    { role: "user", content: [{ type: "text", text: "How warm is it?" }] }
  ]),
  tools: [weather("Weather by city")],
  toolChoice: "auto",
  responseFormat: { type: "text" },
  settings: { temperature: 0 }
}
const keyOf = (changes: Partial<CacheKey.ModelCall> = {}): string =>
  Effect.runSync(CacheKey.make({ ...call, ...changes }))
const user = (...content: ReadonlyArray<unknown>) =>
  Prompt.make([{ role: "user", content }] as unknown as Prompt.RawInput)
const why = (effect: Effect.Effect<unknown, CacheKey.NotKeyable>) => Effect.runSync(Effect.flip(effect))

describe("CacheKey", () => {
  it("is a version, a tenant and a hash, and says nothing of the prompt", () => {
    assert.match(keyOf(), /^v1\.[0-9a-f]{16}\.[0-9a-f]{64}$/)
  })

  it("stays what it is from one release to the next, or stored answers are lost", () => {
    assert.strictEqual(
      Effect.runSync(CacheKey.of("acme", { question: "?", n: [1, 2.5, null] })),
      `v1.${createHash("sha256").update('tenant "acme"').digest("hex").slice(0, 16)}.${createHash("sha256")
        .update('"acme"\nkind="other"\nwhat={"n":[1,2.5,null],"question":"?"}')
        .digest("hex")}`
    )
  })

  it("is the same for the same call, however it was written down", () => {
    const { settings: _, ...rest } = call
    const again: CacheKey.ModelCall = {
      settings: { topP: undefined, temperature: 0 },
      ...rest,
      tools: [weather("Weather by city")],
      prompt: Prompt.make([
        { content: "Be brief.", role: "system" },
        { content: [{ text: "How warm is it?", type: "text" }], role: "user" }
      ])
    }
    assert.strictEqual(Effect.runSync(CacheKey.make(again)), keyOf())
  })

  it("is another one when anything changes that the answer depends on", () => {
    const schema = Schema.Struct({ city: Schema.String })
    const changes: Record<string, Partial<CacheKey.ModelCall>> = {
      nothing: {},
      tenant: { tenant: "other" },
      "no tenant": { tenant: undefined },
      "an empty tenant": { tenant: "" },
      'a tenant named "null"': { tenant: "null" },
      route: { route: "summaries" },
      operation: { operation: "stream" },
      "a word of the prompt": { prompt: user({ type: "text", text: "How cold is it?" }) },
      "a role": { prompt: Prompt.make([{ role: "system", content: "How cold is it?" }]) },
      "an image as bytes": { prompt: user({ type: "file", mediaType: "image/png", data: new Uint8Array([1, 2]) }) },
      "other bytes": { prompt: user({ type: "file", mediaType: "image/png", data: new Uint8Array([1, 3]) }) },
      "an image by its address": {
        prompt: user({ type: "file", mediaType: "image/png", data: new URL("https://a.example/AQI=") })
      },
      "an image in base64": { prompt: user({ type: "file", mediaType: "image/png", data: "AQI=" }) },
      "another media type": { prompt: user({ type: "file", mediaType: "image/gif", data: "AQI=" }) },
      "an option of a part": {
        prompt: user({ type: "text", text: "How cold is it?", options: { anthropic: { cacheControl: "x" } } })
      },
      "no tools": { tools: [] },
      "a tool's description": { tools: [weather("Weather by town")] },
      "a tool's schema": { tools: [weather("Weather by city", Schema.Struct({ city: Schema.Number }))] },
      "a strict tool": { tools: [weather("Weather by city").annotate(Tool.Strict, true)] },
      "another tool": { tools: [Tool.make("Wind", { description: "Weather by city" })] },
      "two tools": { tools: [weather("Weather by city"), Tool.make("Wind")] },
      "the same tools in another order": { tools: [Tool.make("Wind"), weather("Weather by city")] },
      "tool choice": { toolChoice: "required" },
      "a chosen tool": { toolChoice: { tool: "Weather" } },
      "a list of tools": { toolChoice: { oneOf: ["Weather"] } },
      "a required list of tools": { toolChoice: { mode: "required", oneOf: ["Weather"] } },
      "a format": { responseFormat: { type: "json", objectName: "city", schema } },
      "the name of the format": { responseFormat: { type: "json", objectName: "town", schema } },
      "the schema of the format": {
        responseFormat: { type: "json", objectName: "city", schema: Schema.Struct({ city: Schema.Int }) }
      },
      settings: { settings: { temperature: 1 } },
      "no settings": { settings: undefined },
      "a response to go on from": { previousResponseId: "r1" },
      "unchecked tool calls": { toolCallValidation: "deferred" }
    }
    const keys = new Map(Object.entries(changes).map(([name, change]) => [keyOf(change), name]))
    assert.deepStrictEqual([...keys.values()], Object.keys(changes))
  })

  it("takes the options of a model as they are; the span changes nothing", () => {
    const options = (name: string): ModelOptions => ({
      prompt: call.prompt,
      tools: call.tools,
      toolChoice: "auto",
      responseFormat: { type: "text" },
      span: new Tracer.NativeSpan({
        name,
        parent: undefined,
        annotations: undefined,
        links: [],
        startTime: 0n,
        kind: "client",
        sampled: true
      } as unknown as ConstructorParameters<typeof Tracer.NativeSpan>[0]),
      previousResponseId: undefined,
      incrementalPrompt: undefined
    })
    const key = (name: string) =>
      Effect.runSync(
        CacheKey.make({
          tenant: "acme",
          route: "chat",
          operation: "generate",
          settings: call.settings,
          ...options(name)
        })
      )
    assert.strictEqual(key("a"), key("b"))
    assert.strictEqual(key("a"), keyOf())
  })

  it("describes a provider's own tool by its arguments", () => {
    const search = Tool.providerDefined({
      id: "test.search",
      customName: "Search",
      providerName: "search",
      args: Schema.Struct({ sites: Schema.Array(Schema.String) })
    })
    const key = (...sites: ReadonlyArray<string>) => keyOf({ tools: [search({ sites })] })
    assert.strictEqual(key("a.example"), key("a.example"))
    assert.notStrictEqual(key("a.example"), key("b.example"))
  })

  it("is never shared by two tenants, whatever they are called and whatever they ask", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.jsonValue(), fc.jsonValue(), (a, b, mine, theirs) => {
        fc.pre(a !== b)
        const one = Effect.runSync(CacheKey.of(a, mine))
        const other = Effect.runSync(CacheKey.of(b, theirs))
        assert.notStrictEqual(one, other)
        const prefix = Effect.runSync(CacheKey.prefix(a))
        assert.isTrue(one.startsWith(prefix))
        assert.isFalse(other.startsWith(prefix))
      }),
      { numRuns: 1000 }
    )
  })

  it("cannot be steered from one fact into the next", () => {
    const facts = fc.record({
      route: fc.string({ unit: fc.constantFrom("a", '"', "\n", "=", "\\"), maxLength: 6 }),
      settings: fc.string({ unit: fc.constantFrom("a", '"', "\n", "=", "\\"), maxLength: 6 })
    })
    fc.assert(
      fc.property(facts, facts, (one, other) => {
        const same = one.route === other.route && one.settings === other.settings
        assert.strictEqual(keyOf(one) === keyOf(other), same)
      }),
      { numRuns: 1000 }
    )
  })

  it("is refused, without a word of the content, where something cannot be written down", () => {
    const cyclic: Record<string, unknown> = { secret: "s3cret" }
    cyclic["self"] = cyclic
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      [{ secret: () => "s3cret" }, "a function"],
      [{ secret: Symbol("s3cret") }, "a symbol"],
      [new Map([["s3cret", 1]]), "an object whose content cannot be seen"],
      [cyclic, "a cycle, or something very deep"],
      [
        {
          get secret() {
            throw new Error("s3cret")
          }
        },
        "something that cannot be read"
      ]
    ]
    for (const [settings, what] of cases) {
      const error = why(CacheKey.make({ ...call, settings }))
      assert.strictEqual(error.message, `No cache key: settings holds ${what}`)
    }
    assert.strictEqual(why(CacheKey.of("acme", () => 1)).where, "what")
  })

  it("is there at once, so that virtual time need not wait for it", () => {
    assert.doesNotThrow(() => Effect.runSync(CacheKey.of("acme", "x".repeat(60_000))))
  })

  it("keys a toolkit's tools", () => {
    const kit = Toolkit.make(weather("Weather by city"))
    assert.strictEqual(keyOf({ tools: Object.values(kit.tools) }), keyOf())
  })
})

describe("canonical JSON", () => {
  // RFC 8785, section 3.2.2 and its result in 3.2.4; section 3.2.3 for the order of keys.
  it("writes the example of RFC 8785", () => {
    const example = JSON.parse(
      `{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],` +
        `"string":"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}`
    )
    assert.strictEqual(
      canonical(example),
      `{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA'B\\"\\\\\\\\\\"/"}`
    )
  })

  it("orders keys as RFC 8785 does", () => {
    const example = {
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis"
    }
    assert.deepStrictEqual(Object.values(JSON.parse(canonical(Object.entries(example).map(([key]) => key)))), [
      ...Object.keys(example)
    ])
    assert.deepStrictEqual(
      canonical(example)
        .match(/:"[^"]*"/g)
        ?.map((value) => value.slice(2, -1)),
      [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh"
      ]
    )
  })

  // Appendix B of RFC 8785: IEEE 754 bits and their text.
  it("writes numbers as RFC 8785 does", () => {
    const samples: ReadonlyArray<readonly [string, string]> = [
      ["0000000000000000", "0"],
      ["8000000000000000", "0"],
      ["0000000000000001", "5e-324"],
      ["7fefffffffffffff", "1.7976931348623157e+308"],
      ["4340000000000000", "9007199254740992"],
      ["4430000000000000", "295147905179352830000"],
      ["44b52d02c7e14af5", "9.999999999999997e+22"],
      ["44b52d02c7e14af6", "1e+23"],
      ["444b1ae4d6e2ef4e", "999999999999999700000"],
      ["444b1ae4d6e2ef50", "1e+21"],
      ["3eb0c6f7a0b5ed8d", "0.000001"],
      ["41b3de4355555557", "333333333.33333343"]
    ]
    for (const [bits, text] of samples) {
      assert.strictEqual(canonical(Buffer.from(bits, "hex").readDoubleBE()), text)
    }
  })

  it("is one text per value: equal texts mean equal values, and the order of keys means nothing", () => {
    const shuffled = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(shuffled)
        : typeof value === "object" && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .reverse()
                .map(([key, inner]) => [key, shuffled(inner)])
            )
          : value
    const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
    // Small values, so that equal ones come up.
    const small = fc.jsonValue({ maxDepth: 2, stringUnit: fc.constantFrom("a", "b", '"') })
    fc.assert(
      fc.property(small, small, (a, b) => {
        assert.strictEqual(canonical(a), canonical(shuffled(a)))
        assert.strictEqual(canonical(a) === canonical(b), isDeepStrictEqual(plain(a), plain(b)))
        assert.deepStrictEqual(JSON.parse(canonical(a)), plain(a))
      }),
      { numRuns: 3000 }
    )
  })

  it("tells apart what JSON has no words for", () => {
    const values = [
      new Uint8Array([1, 2]),
      "AQI=",
      'b"AQI="',
      new Date(0),
      new Date(0).toISOString(),
      new Date(Number.NaN),
      new URL("https://a.example/"),
      "https://a.example/",
      10n,
      10,
      "10",
      "i10",
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      null,
      "null",
      [],
      {},
      [null],
      { a: null }
    ]
    assert.strictEqual(new Set(values.map((value) => canonical(value))).size, values.length)
  })

  it("sees the same bytes in every view of them, and only in their part of a buffer", () => {
    const { buffer } = new Uint8Array([9, 1, 2, 9])
    assert.strictEqual(canonical(new Uint8Array(buffer, 1, 2)), canonical(new Uint8Array([1, 2])))
    assert.strictEqual(canonical(new DataView(buffer, 1, 2)), canonical(new Uint8Array([1, 2]).buffer))
  })

  it("takes an object at its own word where it has one", () => {
    assert.strictEqual(canonical({ toJSON: () => ({ b: 1, a: 2 }) }), '{"a":2,"b":1}')
  })
})

describe("SHA-256", () => {
  // FIPS 180-2, appendix B.1 to B.3; the empty message from NIST's SHA-256 test vectors.
  it("gives NIST's digests", () => {
    const digests: ReadonlyArray<readonly [string, string]> = [
      ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
      ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
      [
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ],
      ["a".repeat(1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"]
    ]
    for (const [message, hash] of digests) assert.strictEqual(sha256(new TextEncoder().encode(message)), hash)
  })

  it("agrees with Node's for every length around the block boundaries", () => {
    for (let length = 0; length <= 300; length++) {
      const message = new Uint8Array(length).map((_, i) => (i * 131 + length) & 255)
      assert.strictEqual(sha256(message), createHash("sha256").update(message).digest("hex"))
    }
  })

  it.effect("is the same in place and by WebCrypto, where long texts go", () =>
    Effect.gen(function* () {
      let asked = 0
      const counting = {
        subtle: {
          digest: (algorithm: string, data: BufferSource) => {
            asked++
            return globalThis.crypto.subtle.digest(algorithm, data)
          }
        }
      } as unknown as Crypto
      for (const length of [1, 65_535, 65_536, 65_537, 300_000]) {
        const text = "ü".repeat(length / 2) + (length % 2 === 0 ? "" : "x")
        const hash = yield* Effect.provideService(digest(text), WebCrypto.WebCrypto, counting)
        assert.strictEqual(hash, createHash("sha256").update(text).digest("hex"))
        const without = Effect.provideService(digest(text), WebCrypto.WebCrypto, {} as Crypto)
        assert.strictEqual(yield* without, hash)
      }
      assert.strictEqual(asked, 2)
    })
  )
})
