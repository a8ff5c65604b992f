/** An SDK and our adapter before the same fake: what they read is what the script said, whole and streamed. */
import type { ProviderModel } from "@spillway/core/ProviderModel"
import { assert, it } from "vitest"
import type { FakeProvider } from "../../../src/testing/index.ts"
import { finishes, oursStreamed, oursWhole, type Reading, type Scene, scenes, withFake } from "./Reading.ts"

export interface Readers {
  readonly whole: (fake: FakeProvider.FakeProvider) => Promise<Reading>
  readonly streamed: (fake: FakeProvider.FakeProvider) => Promise<Reading>
  readonly ours: (fake: FakeProvider.FakeProvider) => ProviderModel
  /** The vendor's word for the end of each scene. */
  readonly finishes: Readonly<Record<Scene, unknown>>
}

export const readsTheFake = (readers: Readers): void => {
  for (const scene of Object.keys(scenes) as ReadonlyArray<Scene>) {
    it(`reads ${scene} as we do, whole and streamed`, () =>
      withFake(scenes[scene].script, async (fake) => {
        const { script: _script, ...said } = scenes[scene]
        const target = readers.ours(fake)
        const whole = await readers.whole(fake)
        const expected = { ...said, input: whole.input }
        assert.isAbove(Number(whole.input), 0)
        assert.deepStrictEqual(whole, { ...expected, finish: readers.finishes[scene] })
        assert.deepStrictEqual(await readers.streamed(fake), { ...expected, finish: readers.finishes[scene] })
        assert.deepStrictEqual(await oursWhole(target), { ...expected, finish: finishes[scene] })
        assert.deepStrictEqual(await oursStreamed(target), { ...expected, finish: finishes[scene] })
      }))
  }
}

/** What `run` was rejected with; it is an error that it was not. */
export const rejection = async (run: () => PromiseLike<unknown>): Promise<Record<string, unknown>> => {
  try {
    await run()
  } catch (error) {
    return error as Record<string, unknown>
  }
  throw new Error("It went well")
}
