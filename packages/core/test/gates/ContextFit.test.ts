import { assert, describe, it } from "@effect/vitest"
import * as ContextFit from "../../src/gates/ContextFit.ts"
import { isReject } from "../../src/model/Gate.ts"
import { admitted, half, obeysTheLaws, one, refused } from "./support.ts"

const needs = (input: number, output: number) => ({ requests: 1, tokens: input + output, outputTokens: output })

describe("ContextFit", () => {
  obeysTheLaws({ make: () => ContextFit.make({ contextWindow: 1000 }) })

  it("takes what fits with a tenth to spare on the input, and what nobody estimated", () => {
    const gate = ContextFit.make({ contextWindow: 1000 })
    for (const cost of [one, needs(900, 10), needs(0, 1000), needs(500, 450)]) admitted(gate, 0, cost)
    for (const cost of [needs(900, 11), needs(1000, 0), needs(500, 451), needs(0, 1001)]) {
      assert.deepStrictEqual(refused(gate, 0, cost), {
        _tag: "LocalReject",
        reason: "Context",
        retryAt: undefined,
        soft: true
      })
    }
  })

  it("takes the rest as well when nobody else can: it only prefers", () => {
    const gate = ContextFit.make({ contextWindow: 1000 })
    assert.isUndefined(gate.peek(0, needs(9000, 0)))
    assert.isTrue(isReject(gate.admit(0, needs(9000, 0), half)))
    assert.isFalse(isReject(gate.admit(0, needs(9000, 0), () => 0)))
  })
})
