import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result, Schema } from "effect"
import * as TargetDescription from "../../src/sources/TargetDescription.ts"

const eu = { id: "eu", provider: "deepseek", model: "deepseek-chat" }

const complaints = (data: unknown, options?: TargetDescription.DecodeOptions): ReadonlyArray<string> => {
  const decoded = TargetDescription.decodeSet(data, options)
  return Result.isFailure(decoded) ? decoded.failure : assert.fail("it was accepted")
}
const complaint = (target: object, options?: TargetDescription.DecodeOptions): string => {
  const found = complaints({ targets: [{ ...eu, ...target }] }, options)
  assert.lengthOf(found, 1, found.join(" | "))
  return found[0] ?? ""
}
const accepted = (data: unknown, options?: TargetDescription.DecodeOptions) =>
  Result.getOrThrow(TargetDescription.decodeSet(data, options))

describe("a target as data", () => {
  it("is taken with every field", () => {
    const full = {
      ...eu,
      baseUrl: "https://eu.example.com/v1",
      key: { env: "DEEPSEEK_API_KEY" },
      options: { apiVersion: "2026-01-01", nested: { a: [1] } },
      weight: 2.5,
      tier: 1,
      region: "eu-west",
      tags: { team: "search" },
      capabilities: ["tools", "streaming"],
      limits: { maxInFlight: 4, requestsPerMinute: 0.5, tokensPerDay: 1000, usdPerMonth: 12.5 },
      price: { input: 0.3, output: 1.2, rules: [{ hours: [{ from: 0, to: 8 }], input: 0.1 }], asOf: "2026-11-22" },
      contextWindow: 128_000,
      account: "main",
      zeroRetention: true
    }
    assert.deepStrictEqual<unknown>(accepted({ $schema: "./targets.schema.json", targets: [full] }), [full])
  })

  it("needs an id, a provider and a model, and all that is missing is said at once", () => {
    assert.deepStrictEqual(complaints({ targets: [{}, eu, { id: "us", provider: 5, model: "" }] }), [
      "targets[0].id must be given, got undefined",
      "targets[0].provider must be given, got undefined",
      "targets[0].model must be given, got undefined",
      "targets[2].provider must be a non-empty string, got 5",
      `targets[2].model must be a non-empty string, got ""`
    ])
  })

  it.each([
    [{ weight: -1 }, "targets[0].weight must be a finite number > 0, got -1"],
    [{ weight: "5" }, `targets[0].weight must be a finite number > 0, got "5"`],
    [{ tier: 0.5 }, "targets[0].tier must be an integer >= 0, got 0.5"],
    [{ baseUrl: "ftp://x" }, "targets[0].baseUrl must be a URL that begins with http:// or https://"],
    [{ baseUrl: "https://me:secret@x" }, "and holds no password, got a plain string (hidden)"],
    [{ limits: { maxInFlight: 0 } }, "targets[0].limits.maxInFlight must be an integer >= 1, got 0"],
    [{ limits: [] }, "targets[0].limits must be an object, got a list of 0"],
    [{ capabilities: ["tools", "flying"] }, `targets[0].capabilities[1] must be one of "tools", "vision"`],
    [{ capabilities: "tools" }, `targets[0].capabilities must be a list, such as ["tools"], got "tools"`],
    [{ tags: { team: 1 } }, "targets[0].tags.team must be a string, got 1"],
    [{ zeroRetention: "no" }, `targets[0].zeroRetention must be true or false, got "no"`],
    [{ price: { input: -1, output: 1 } }, "targets[0].price.input must be a finite number >= 0"],
    [{ price: 5 }, "targets[0].price must be an object, got 5"]
  ])("%j is refused: %s", (target, expected) => {
    assert.include(complaint(target), expected)
  })

  it("has no keys that nobody reads, and says which one was meant", () => {
    assert.strictEqual(complaint({ wieght: 5 }), "targets[0].wieght is not known; did you mean weight?")
    assert.strictEqual(complaint({ baseURL: "https://x" }), "targets[0].baseURL is not known; did you mean baseUrl?")
    assert.strictEqual(
      complaint({ limits: { maxInflight: 5 } }),
      "targets[0].limits.maxInflight is not known; did you mean maxInFlight?"
    )
    assert.match(complaint({ quux: 1 }), /^targets\[0\]\.quux is not known; known are id, provider, model, /)
    assert.deepStrictEqual(complaints({ targets: [eu], tiers: [] }), ["tiers is not known; known are $schema, targets"])
  })

  it("is unique by its id", () => {
    assert.deepStrictEqual(complaints({ targets: [eu, { ...eu, id: "us" }, eu] }), [
      `targets[2].id must be unique, got "eu" as in targets[0]`
    ])
  })

  it("stands in a list of at least one", () => {
    assert.deepStrictEqual(complaints({ targets: [] }), [
      "targets must be a list of at least one target, got a list of 0"
    ])
    assert.deepStrictEqual(complaints([eu]), [`it must be an object, such as { "targets": [...] }, got a list of 1`])
    assert.deepStrictEqual(complaints({ targets: ["sk-secret"] }), [
      "targets[0] must be an object with an id, a provider and a model, got a plain string (hidden)"
    ])
    assert.notInclude(complaints("sk-secret").join(), "secret")
  })
})

describe("the key of a target", () => {
  const secret = "sk-live-0123456789"

  it("is a reference; a key in its place is refused and not repeated", () => {
    for (const key of [secret, { env: secret }, { literal: secret }, { env: "KEY", literal: secret }, [secret]]) {
      const found = complaints({ targets: [{ ...eu, key }] })
      assert.notInclude(found.join("\n"), secret)
      assert.include(found.join("\n"), "targets[0].key")
    }
    assert.strictEqual(
      complaint({ key: secret }),
      `targets[0].key must be { "env": "NAME_OF_A_VARIABLE" }; a key itself is not allowed here, got a plain string (hidden)`
    )
  })

  it("may be a literal where the application allows it, and is redacted from then on", () => {
    const [read] = accepted({ targets: [{ ...eu, key: { literal: secret } }] }, { literalKeys: true })
    assert.notInclude(JSON.stringify(read), secret)
    const key = read?.key
    assert.isTrue(key !== undefined && "literal" in key && Redacted.value(key.literal) === secret)
    assert.match(
      complaint({ key: { env: "A", literal: secret } }, { literalKeys: true }),
      /^targets\[0\]\.key must be either/
    )
    assert.notInclude(complaint({ key: { env: "A", literal: secret } }, { literalKeys: true }), secret)
  })
})

it("has a JSON Schema for editors", () => {
  const document = JSON.stringify(Schema.toJsonSchemaDocument(TargetDescription.TargetsData))
  for (const name of ["weight", "maxInFlight", "contextWindow"]) assert.include(document, name)
})
