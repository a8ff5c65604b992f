import { assert, describe, it } from "@effect/vitest"
import * as HealthCheck from "../../src/gates/HealthCheck.ts"
import { failure, ignored, misconfigured, rateLimited, slow, success } from "../../src/model/Outcome.ts"
import { admitted, attempt, obeysTheLaws, one, refused, tags } from "./support.ts"

/** A target, and others that stay healthy beside it. */
const beside = (others: number, options: HealthCheck.Options = {}) => {
  const group = HealthCheck.make(options)
  const gate = group.gate()
  return { gate, group, others: Array.from({ length: others }, () => group.gate()) }
}

const fail = (gate: HealthCheck.HealthCheck, times: number, retryAt = 1000) =>
  Array.from({ length: times }, () => tags(gate.checked(false, retryAt))).flat()
const pass = (gate: HealthCheck.HealthCheck, times: number) =>
  Array.from({ length: times }, () => tags(gate.checked(true, 1000))).flat()

describe("HealthCheck", () => {
  obeysTheLaws({ make: () => HealthCheck.make().gate() })
  obeysTheLaws({ make: () => beside(1).gate })

  it("takes a target out after three failed checks in a row, until the next check", () => {
    const { gate } = beside(1)
    assert.deepStrictEqual(fail(gate, 2), [])
    assert.isUndefined(gate.peek(0, one))
    pass(gate, 1)
    fail(gate, 2)
    assert.isUndefined(gate.peek(0, one))
    assert.deepStrictEqual(gate.checked(false, 5000), [{ _tag: "TargetUnhealthy", gate: "health", until: 5000 }])
    assert.deepStrictEqual(refused(gate, 100), { _tag: "LocalReject", reason: "Unhealthy", retryAt: 5000 })
    assert.deepStrictEqual(fail(gate, 1, 9000), [])
    assert.strictEqual(gate.peek(100, one)?.retryAt, 9000)
  })

  it("brings it back after two passed checks in a row", () => {
    const { gate } = beside(1)
    fail(gate, 3)
    pass(gate, 1)
    fail(gate, 1)
    assert.deepStrictEqual(pass(gate, 1), [])
    refused(gate, 0)
    assert.deepStrictEqual(gate.checked(true, 5000), [{ _tag: "TargetHealthy", gate: "health" }])
    admitted(gate, 0)
    assert.deepStrictEqual(fail(gate, 2), [])
  })

  it("takes the numbers it is given", () => {
    const { gate } = beside(1, { unhealthyAfter: 1, healthyAfter: 4 })
    assert.deepStrictEqual(fail(gate, 1), ["TargetUnhealthy"])
    assert.deepStrictEqual(pass(gate, 4), ["TargetHealthy"])
    for (const options of [
      { unhealthyAfter: 0 },
      { healthyAfter: 1.5 },
      { panicBelow: 2 },
      { initial: "ill" as never }
    ]) {
      assert.throws(() => HealthCheck.make(options), /HealthCheck: \w+ must be/)
    }
  })

  it("that begins unhealthy needs one passed check, if it is the first one", () => {
    const first = beside(0, { initial: "unhealthy" })
    assert.deepStrictEqual(pass(first.gate, 1), ["TargetHealthy"])
    const later = beside(0, { initial: "unhealthy" })
    fail(later.gate, 1)
    assert.deepStrictEqual(pass(later.gate, 1), [])
    assert.deepStrictEqual(pass(later.gate, 1), ["TargetHealthy"])
  })

  it("learns from answers to calls, and from nothing else that they show", () => {
    for (const answer of [success, slow]) {
      const { gate } = beside(1)
      fail(gate, 2)
      attempt(gate, 700, answer)
      assert.strictEqual(gate.answeredAt(), 700)
      assert.deepStrictEqual(fail(gate, 2), [])
    }
    for (const other of [failure("Overloaded"), rateLimited(), misconfigured("Auth"), ignored]) {
      const { gate } = beside(1)
      fail(gate, 2)
      attempt(gate, 700, other)
      assert.strictEqual(gate.answeredAt(), Number.NEGATIVE_INFINITY)
      assert.deepStrictEqual(fail(gate, 1), ["TargetUnhealthy"])
    }
  })

  it("does not bring a target back because a late answer of its arrives", () => {
    const { gate } = beside(1)
    const late = admitted(gate, 0)
    fail(gate, 3)
    pass(gate, 1)
    gate.settle(late, success, 50)
    refused(gate, 60)
    assert.deepStrictEqual(pass(gate, 1), ["TargetHealthy"])
  })

  it("is ignored when nobody is healthy", () => {
    const { gate, group, others } = beside(1)
    fail(gate, 3)
    assert.isFalse(group.panicking())
    for (const other of others) fail(other, 3)
    assert.isTrue(group.panicking())
    assert.isUndefined(gate.peek(0, one))
    assert.strictEqual(admitted(gate, 0).note, "Panic")
    for (const other of others) pass(other, 2)
    refused(gate, 0)
    assert.isUndefined(admitted(others[0] ?? gate, 0).note)
  })

  it("is ignored below the share given, counted over those in the set", () => {
    const { gate, group, others } = beside(3, { panicBelow: 0.5 })
    const [second, third] = others
    fail(gate, 3)
    fail(second ?? gate, 3)
    assert.isFalse(group.panicking())
    refused(gate, 0)
    fail(third ?? gate, 3)
    assert.isTrue(group.panicking())
    second?.inSet(false)
    third?.inSet(false)
    assert.isFalse(group.panicking())
    third?.inSet(true)
    third?.inSet(true)
    assert.isTrue(group.panicking())
  })

  it("stands in for the gate before it, which leaves", () => {
    const { gate, group } = beside(1, { panicBelow: 0.5 })
    fail(gate, 3)
    const next = group.gate()
    next.takeOver?.(gate, 0)
    refused(next, 0)
    assert.isFalse(group.panicking())
    assert.deepStrictEqual(pass(next, 2), ["TargetHealthy"])
  })

  it("forgets what a person says is over", () => {
    const { gate } = beside(1)
    fail(gate, 3)
    gate.clear?.(0)
    admitted(gate, 0)
    assert.deepStrictEqual(fail(gate, 2), [])
  })
})
