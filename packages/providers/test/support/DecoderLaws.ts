/** What holds for the decoder of every dialect, whatever the bytes are and wherever they are split. */
import * as fc from "fast-check"
import { assert, it } from "vitest"
import { type Decoded, decodeWith, joined, type MakeDecoder } from "./Decoding.ts"

const seen = ({ fault, parts }: Decoded) => ({ parts: joined(parts), fault })

/** `fixture` decodes to the same parts at every split into two, into bytes, and at random splits. */
export const decodesAtEverySplit = (name: string, make: MakeDecoder, fixture: Uint8Array): void => {
  it(`${name}: decodes the same at every byte split`, () => {
    const whole = seen(decodeWith(make, [fixture]))
    assert.isAbove(whole.parts.length, 0)
    for (let at = 1; at < fixture.length; at++) {
      assert.deepStrictEqual(seen(decodeWith(make, [fixture.slice(0, at), fixture.slice(at)])), whole, `split at ${at}`)
    }
    const single = Array.from(fixture, (byte) => Uint8Array.of(byte))
    assert.deepStrictEqual(seen(decodeWith(make, single)), whole, "byte by byte")
    fc.assert(
      fc.property(fc.array(fc.nat(fixture.length), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), fixture.length]
        const pieces = at.slice(1).map((end, i) => fixture.slice(at[i], end))
        assert.deepStrictEqual(seen(decodeWith(make, pieces)), whole)
      }),
      { numRuns: 100 }
    )
  })
}

/** Bytes changed, dropped, doubled or cut never throw, and end in a finish part or in a fault: never in neither. */
export const survivesDamage = (name: string, make: MakeDecoder, fixture: Uint8Array): void => {
  it(`${name}: damaged bytes end in a finish or in one fault`, () => {
    const damage = fc.array(
      fc.record({
        at: fc.nat(fixture.length - 1),
        kind: fc.constantFrom("set", "drop", "double", "cut"),
        byte: fc.nat(255)
      }),
      { minLength: 1, maxLength: 6 }
    )
    fc.assert(
      fc.property(damage, fc.boolean(), (changes, broken) => {
        let bytes = Array.from(fixture)
        for (const { at, byte, kind } of changes) {
          if (kind === "set" && at < bytes.length) bytes[at] = byte
          if (kind === "drop") bytes.splice(at, 1 + (byte % 20))
          if (kind === "double") bytes.splice(at, 0, ...bytes.slice(at, at + byte))
          if (kind === "cut") bytes = bytes.slice(0, at)
        }
        const { fault, parts } = decodeWith(make, [Uint8Array.from(bytes)], broken)
        const finishes = parts.filter(({ type }) => type === "finish").length
        assert.strictEqual(
          finishes,
          fault === undefined ? 1 : 0,
          `${finishes} finish parts, fault ${JSON.stringify(fault)}`
        )
        assertBlocksMatch(parts)
      }),
      { numRuns: 300 }
    )
  })
}

/** Every start has one end, every delta an open block, whatever happened. */
export const assertBlocksMatch = (parts: Decoded["parts"]): void => {
  const open = new Set<string>()
  for (const part of parts) {
    if (part.type === "text-start" || part.type === "reasoning-start" || part.type === "tool-params-start") {
      assert.isFalse(open.has(part.id), `${part.id} starts twice`)
      open.add(part.id)
    }
    if (part.type === "text-delta" || part.type === "reasoning-delta" || part.type === "tool-params-delta") {
      assert.isTrue(open.has(part.id), `a delta of ${part.id}, which is not open`)
    }
    if (part.type === "text-end" || part.type === "reasoning-end" || part.type === "tool-params-end") {
      assert.isTrue(open.delete(part.id), `${part.id} ends, and was not open`)
    }
  }
  assert.deepStrictEqual([...open], [])
}
