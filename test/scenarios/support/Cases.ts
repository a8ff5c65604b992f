/** One primary, one stand-in of another dialect, one router: what every case of these tests begins with and ends in. */
import { afterAll, assert, it } from "@effect/vitest"
import { Behaviour, FakeAnswer } from "@spillway/providers/testing"
import { Effect, Exit, Scope } from "effect"
import { flaw, type Heard } from "./Heard.ts"
import * as Routed from "./Routed.ts"
import { another, type Deployment, type Dialect, dialects, open, type Vendors } from "./Vendors.ts"

export const question = "What comes next?"
export const tokens = 4
export const answer = Behaviour.answer({ tokens })
/** What the fake counts of `question` and of its answer. */
export const usage = { input: 3, output: tokens }
/** The answer up to and without its `n`th word. */
export const words = (n: number) => FakeAnswer.answerTo(question, tokens).split(" ").slice(0, n).join(" ")

/** The same servers for the whole file, so that connections are used again as in a process that lives long. */
const servers = Scope.makeUnsafe()
const vendors = Effect.runSync(Effect.cached(Scope.provide(open, servers)))
afterAll(() => Effect.runPromise(Scope.close(servers, Exit.void)))

/** Whatever the scenario did, the vendors have no request left and saw nothing that is not theirs. */
export const scenario = (name: string, body: (vendors: Vendors) => Effect.Effect<void, never, Scope.Scope>) =>
  it.live(name, () =>
    Effect.gen(function* () {
      const opened = yield* vendors
      yield* body(opened)
      assert.deepStrictEqual(yield* opened.hygiene, [])
    }).pipe(Effect.scoped)
  )

export interface Case {
  readonly name: string
  readonly dialect: Dialect
  readonly streamed: boolean
  readonly primary: Deployment
  readonly backup: Deployment
  readonly routed: Routed.Routed
  /** One call that is answered; fails the test when it is not, or when something is held after it. */
  readonly answered: (ask?: Routed.Ask) => Effect.Effect<Heard>
  /** One call, however it ends. */
  readonly ends: (ask?: Routed.Ask) => Effect.Effect<Heard>
}

export interface Setting extends Omit<Routed.Options, "targets"> {
  readonly primary: Behaviour.Behaviour
  readonly backup?: Behaviour.Behaviour
  /** What is wrong with the primary's configuration. */
  readonly mistake?: "key" | "model"
  /** The backup is another model of the same vendor. */
  readonly sibling?: boolean
  /** Of every call, milliseconds. */
  readonly deadline?: number
  /** Only the primary is a target. */
  readonly alone?: boolean
  /**
   * These clocks are short, a little longer from case to case so that not all calls move at the same moment. On a machine
   * that is too busy they may run out on the backup too: it is asked again then.
   */
  readonly short?: ReadonlyArray<"attempt" | "firstContent" | "idle">
}

const patient: Routed.Options["retry"] = {
  maxAttempts: 20,
  reasons: {
    TimeoutAttempt: { sameTarget: true },
    TimeoutFirstContent: { sameTarget: true },
    TimeoutIdle: { sameTarget: true }
  }
}

/** Every dialect as the primary, all at the same time. `modes`: streamed or not, default both. */
export const forEachDialect = (
  vendors: Vendors,
  setting: Setting | ((dialect: Dialect, streamed: boolean) => Setting),
  body: (given: Case) => Effect.Effect<void, never, Scope.Scope>,
  modes: ReadonlyArray<boolean> = [true, false]
) =>
  Effect.forEach(
    modes.flatMap((streamed) => dialects.map((dialect) => [dialect, streamed] as const)),
    ([dialect, streamed], i) =>
      Effect.gen(function* () {
        const options = typeof setting === "function" ? setting(dialect, streamed) : setting
        const primary = yield* vendors.deploy(dialect, options.primary, options.mistake)
        const backup = yield* vendors.deploy(
          options.sibling === true ? dialect : another(dialect, streamed ? 1 : 2),
          options.backup ?? answer
        )
        const targets = options.alone === true ? [primary] : [primary, backup]
        const clocks = (options.short ?? []).map((clock) => [clock, 300 + 60 * i])
        const routed = yield* Routed.make({
          ...options,
          targets,
          timeouts: Object.fromEntries(clocks),
          ...(clocks.length === 0 ? {} : { retry: patient })
        })
        const { deadline } = options
        const name = `${dialect} ${streamed ? "streamed" : "whole"}, then ${backup.dialect}`
        const ends = (ask: Routed.Ask = {}) =>
          Effect.gen(function* () {
            const heard = yield* routed.ask(question, {
              streamed,
              ...(deadline === undefined ? {} : { deadline }),
              ...ask
            })
            yield* primary.idle
            yield* backup.idle
            assert.deepStrictEqual(yield* routed.held, [], name)
            return heard
          })
        const answered = (ask?: Routed.Ask) =>
          Effect.tap(ends(ask), (heard) => Effect.sync(() => assert.strictEqual(flaw(question, heard), "", name)))
        yield* body({ name, dialect, streamed, primary, backup, routed, answered, ends })
      }).pipe(Effect.scoped),
    { concurrency: "unbounded", discard: true }
  )

/** It is the backup's answer, and says so. */
export const byBackup = ({ backup, name }: Case, heard: Heard) => {
  assert.strictEqual(heard.servedBy, backup.name, name)
  assert.strictEqual(heard.model, backup.name, name)
  assert.deepStrictEqual(heard.tokens, usage, name)
}
