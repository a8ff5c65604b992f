/**
 * The stories of `bench/scenarios`, small: minutes of simulated time, the direction of each and generous bounds. The figures
 * themselves are the bench's.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Result, Simulation } from "@spillway/core/testing"
import { Effect } from "effect"
import { busyProvider } from "../../bench/scenarios/busyProvider.ts"
import { mainAndBackups } from "../../bench/scenarios/mainAndBackups.ts"
import { nodeDies } from "../../bench/scenarios/nodeDies.ts"
import { priorities } from "../../bench/scenarios/priorities.ts"
import {
  availability,
  classOf,
  isMet,
  less,
  mean,
  onTime,
  type Story,
  unanswered
} from "../../bench/scenarios/Story.ts"
import { twoRegions } from "../../bench/scenarios/twoRegions.ts"
import { zipfCache } from "../../bench/scenarios/zipfCache.ts"

/** Those contenders of one run, in that order. */
const told = (story: Story, run: number, ...contenders: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const one = story.runs[run]
    const chosen = contenders.map((i) => one?.contenders[i])
    const results: Array<Result.Result> = []
    for (const contender of chosen) {
      if (one !== undefined && contender !== undefined) {
        results.push(yield* Simulation.run(one.scenario, contender))
      }
    }
    const [plain, ours] = results
    if (plain === undefined || ours === undefined) throw new Error(`No run ${run} of ${story.name}`)
    return { plain, ours, all: results }
  })

describe("stories", () => {
  it.effect(
    "a node with half of the weight that refuses everybody costs a plain client calls, and Spillway next to none",
    () =>
      Effect.gen(function* () {
        const { ours, plain } = yield* told(nodeDies({ share: 0.1 }), 0, 0, 1)
        assert.isBelow(availability(plain.overall), 99.7)
        assert.isAbove(availability(ours.overall), 99.9)
      })
  )

  it.effect("a node that says nothing is left after its clock, and its calls are answered elsewhere", () =>
    Effect.gen(function* () {
      const { ours, plain } = yield* told(nodeDies({ share: 0.15 }), 1, 0, 2)
      assert.isBelow(availability(plain.overall), 99.8)
      assert.isAbove(availability(ours.overall), 99.9)
    })
  )

  it.effect("callers who queue in the process fail less than callers who knock, and as many are answered", () =>
    Effect.gen(function* () {
      const { all, ours, plain } = yield* told(busyProvider({ share: 0.1 }), 0, 0, 1, 2)
      assert.isAbove(unanswered(plain.overall), 5)
      for (const spillway of all.slice(1))
        assert.isAbove(less(unanswered(plain.overall), unanswered(spillway.overall)), 65)
      assert.isAbove(ours.overall.goodputPerSecond, 0.75 * plain.overall.goodputPerSecond)
    })
  )

  it.effect("what is urgent is answered in time when there is twice too much, and late without classes", () =>
    Effect.gen(function* () {
      const { ours, plain } = yield* told(priorities({ share: 0.5 }), 1, 0, 1)
      const [before, after] = [classOf(plain, "P0"), classOf(ours, "P0")]
      assert.isBelow(onTime(before), 80)
      assert.isAbove(onTime(after), 98)
      assert.isAbove(less(mean(before), mean(after)), 50)
    })
  )

  it.effect("a cache saves calls on questions by Zipf's law, and no answer is older than it may be", () =>
    Effect.gen(function* () {
      const story = zipfCache({ share: 0.2 })
      const { all, ours, plain } = yield* told(story, 0, 0, 2)
      assert.isAbove(less(plain.overall.attempts, ours.overall.attempts), 40)
      const oldest = story.goals([all, all]).find(({ what }) => what.startsWith("oldest answer, at most 5 min"))
      if (oldest === undefined) return assert.fail("The story says nothing about age")
      assert.isTrue(isMet(oldest))
      assert.isAbove(oldest.reached, 240_000)
    })
  )

  it.effect("callers far away are answered by their own region, and by the other one while theirs is away", () =>
    Effect.gen(function* () {
      const { ours, plain } = yield* told(twoRegions({ share: 0.1 }), 0, 0, 1)
      const [before, after] = [classOf(plain, "singapore"), classOf(ours, "singapore")]
      assert.isAbove(less(mean(before), mean(after)), 50)
      assert.isBelow(availability(plain.overall), 99)
      assert.isAbove(availability(ours.overall), 99.7)
    })
  )

  it.effect("two backups and a cache bear seven times the calls through an outage at the peak", () =>
    Effect.gen(function* () {
      // Twenty minutes around the peak.
      const story = mainAndBackups({ scale: 1 / 100, share: 1 / 72 })
      const { ours, plain } = yield* told(story, 1, 0, 1)
      assert.isBelow(availability(plain.overall), 95)
      assert.isAbove(availability(ours.overall), 99)
    })
  )
})
