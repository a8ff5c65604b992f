import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { BreakPolicy, createRouter, RouteError, type Strategy } from "@spillway/core"
import { Effect } from "effect"
import { inOrder, invalidRequest, overloaded, rateLimited } from "./fixture.ts"
import * as Watcher from "./support/Watcher.ts"

/** A router of targets `a` and `b`, and everything it told. */
const make = (options: Partial<Parameters<typeof createRouter>[0]> = {}) => {
  const watcher = Watcher.make()
  const router = createRouter({
    targets: [
      { id: "a", client: "client of a" },
      { id: "b", client: "client of b" }
    ] as const,
    strategy: inOrder as Strategy.Strategy,
    telemetry: watcher.telemetry,
    retry: { transient: { base: "1 millis", cap: "1 millis" } },
    ...options
  })
  const inFlight = () => router.status().targets.reduce((sum, target) => sum + target.inFlight, 0)
  return { router, watcher, inFlight }
}

/** Turns of the event loop: enough for everything that waits for nothing. */
const turns = async (n = 20) => {
  for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve))
}
const never = () => new Promise<never>(() => {})
const rejection = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error("was not rejected")
    },
    (error) => error
  )

describe("createRouter: a call", () => {
  it("resolves with the answer of the picked target", async () => {
    const { inFlight, router, watcher } = make()
    assert.strictEqual(await router.route(async ({ client, target }) => `${target.id}: ${client}`), "a: client of a")
    assert.strictEqual(inFlight(), 0)
    assert.deepStrictEqual(watcher.problems(), [])
  })

  it("asks the next target when one rejects", async () => {
    const { router } = make()
    const answer = await router.route(async ({ target }) => {
      if (target.id === "a") throw overloaded
      return target.id
    })
    assert.strictEqual(answer, "b")
  })

  it("rejects with the caller's own error as it is", async () => {
    const { inFlight, router, watcher } = make()
    const error = await rejection(router.route(() => Promise.reject(invalidRequest)))
    assert.strictEqual(error, invalidRequest)
    assert.strictEqual(watcher.calls[0]?.attempts.length, 1)
    assert.strictEqual(inFlight(), 0)
  })

  it("rejects with a RouteError that holds what the last attempt was rejected with", async () => {
    const { inFlight, router, watcher } = make()
    const error = await rejection(router.route(() => Promise.reject(overloaded)))
    assert.instanceOf(error, RouteError.RouteError)
    assert.strictEqual(error.reason._tag, "AttemptsExhausted")
    assert.strictEqual(error.last, overloaded)
    assert.strictEqual(inFlight(), 0)
    assert.deepStrictEqual(watcher.problems(), [])
  })

  it("moves on from rejections that are no errors, and keeps the last one", async () => {
    for (const value of ["a string", 42, null, undefined, { code: "E" }]) {
      const { inFlight, router, watcher } = make()
      const error = await rejection(router.route(() => Promise.reject(value)))
      assert.instanceOf(error, RouteError.RouteError)
      assert.strictEqual(error.last, value)
      assert.strictEqual(inFlight(), 0)
      assert.deepStrictEqual(watcher.problems(), [])
    }
  })

  it("takes what the call throws before it has a promise for a rejection, as an async function would", async () => {
    const { inFlight, router, watcher } = make()
    const bug = new Error("bug")
    const error = await rejection(
      router.route(() => {
        throw bug
      })
    )
    assert.instanceOf(error, RouteError.RouteError)
    assert.strictEqual(error.last, bug)
    assert.strictEqual(watcher.calls[0]?.attempts.length, 2)
    assert.strictEqual(inFlight(), 0)
    assert.deepStrictEqual(watcher.problems(), [])
  })

  it("rejects at its deadline, fires the attempt's signal, and ignores what comes later", async () => {
    const { inFlight, router, watcher } = make()
    let signal: AbortSignal | undefined
    let late: ((error: Error) => void) | undefined
    const error = await rejection(
      router.route(
        (attempt) => {
          signal = attempt.signal
          return new Promise((_resolve, reject) => {
            late = reject
          })
        },
        { deadline: 20 }
      )
    )
    assert.instanceOf(error, RouteError.RouteError)
    assert.strictEqual(error.reason._tag, "DeadlineExceeded")
    assert.strictEqual(signal?.aborted, true)
    late?.(new Error("too late"))
    await turns()
    assert.strictEqual(inFlight(), 0)
    assert.deepStrictEqual(watcher.problems(), [])
  })

  it("moves on from a silent target and fires the signal of that attempt only", async () => {
    const { router } = make({ timeouts: { attempt: 20 } })
    const signals: Array<AbortSignal> = []
    const answer = await router.route((attempt) => {
      signals.push(attempt.signal)
      return attempt.target.id === "a" ? never() : Promise.resolve("ok")
    })
    assert.strictEqual(answer, "ok")
    assert.deepStrictEqual(
      signals.map(({ aborted }) => aborted),
      [true, false]
    )
  })

  it("rejects at once when an option of the call is wrong", async () => {
    const { inFlight, router } = make()
    const error = await rejection(router.route(async () => "ok", { deadline: -1 }))
    assert.include(String(error), "RouteRequest: deadline must be a duration > 0")
    assert.strictEqual(inFlight(), 0)
  })

  it("is rejected, not lost, when the strategy throws in a later attempt", async () => {
    let picks = 0
    const moody: Strategy.Strategy = {
      name: "moody",
      make: (candidates) =>
        Effect.succeed({
          pick: (_request, eligible) => {
            if (picks++ > 0) throw new Error("bug of the strategy")
            return candidates.find(eligible)
          }
        })
    }
    const { inFlight, router, watcher } = make({ strategy: moody })
    const error = await rejection(
      router.route(async () => {
        await turns(1)
        throw overloaded
      })
    )
    assert.include(String(error), "bug of the strategy")
    assert.strictEqual(inFlight(), 0)
    assert.deepStrictEqual(watcher.problems(), [])
  })
})

describe("createRouter: the signal of a call", () => {
  it("that had fired before: rejects with its reason and asks nobody", async () => {
    const { router, watcher } = make()
    const reason = new Error("gone")
    assert.strictEqual(await rejection(router.route(async () => "ok", { signal: AbortSignal.abort(reason) })), reason)
    assert.strictEqual(watcher.calls.flatMap(({ attempts }) => attempts).length, 0)
  })

  it("rejects with its reason, fires the attempt's signal, frees the slot and blames nobody", async () => {
    for (const reason of [new Error("gone"), "a string", undefined]) {
      const { inFlight, router, watcher } = make()
      const controller = new AbortController()
      let signal: AbortSignal | undefined
      const promise = router.route(
        (attempt) => {
          signal = attempt.signal
          return never()
        },
        { signal: controller.signal }
      )
      assert.strictEqual(inFlight(), 1)
      controller.abort(reason)
      assert.strictEqual(await rejection(promise), controller.signal.reason)
      assert.strictEqual(signal?.aborted, true)
      assert.strictEqual(inFlight(), 0)
      assert.strictEqual(router.status().targets[0]?.failed, 0)
      assert.strictEqual(watcher.calls[0]?.records[0]?.outcome, "cancelled")
      assert.deepStrictEqual(watcher.problems(), [])
    }
  })

  it("ends a back-off at once, and no further attempt is made", async () => {
    const { inFlight, router, watcher } = make({ retry: { transient: { base: "1 hour", cap: "1 hour" } } })
    const controller = new AbortController()
    const promise = router.route(() => Promise.reject(overloaded), { signal: controller.signal, deadline: "Infinity" })
    await turns()
    controller.abort("enough")
    assert.strictEqual(await rejection(promise), "enough")
    assert.strictEqual(watcher.calls[0]?.attempts.length, 2)
    assert.strictEqual(inFlight(), 0)
    assert.deepStrictEqual(watcher.problems(), [])
  })

  it("changes nothing after the answer, and nothing listens to it any more", async () => {
    const { router, watcher } = make()
    const controller = new AbortController()
    let listeners = 0
    const { signal } = controller
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<AbortSignal["addEventListener"]>) => {
      listeners++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<AbortSignal["removeEventListener"]>) => {
      listeners--
      remove(...args)
    }
    let attempt: AbortSignal | undefined
    const answer = await router.route(
      async (given) => {
        attempt = given.signal
        await turns(1)
        return "ok"
      },
      { signal }
    )
    controller.abort(new Error("late"))
    await turns()
    assert.strictEqual(answer, "ok")
    assert.strictEqual(attempt?.aborted, false)
    assert.strictEqual(watcher.calls[0]?.records[0]?.outcome, "ok")
    assert.isAtMost(listeners, 0)
  })

  it("counts also when it fires while the call is being started", async () => {
    const { inFlight, router } = make()
    const controller = new AbortController()
    const reason = new Error("gone")
    const promise = router.route(
      () => {
        controller.abort(reason)
        return never()
      },
      { signal: controller.signal, deadline: 200 }
    )
    assert.strictEqual(await rejection(promise), reason)
    assert.strictEqual(inFlight(), 0)
  })

  it("wins over the error that the interrupted call is rejected with", async () => {
    const { inFlight, router, watcher } = make()
    const controller = new AbortController()
    const promise = router.route(
      ({ signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted fetch")))),
      { signal: controller.signal }
    )
    controller.abort("mine")
    assert.strictEqual(await rejection(promise), "mine")
    await turns()
    assert.strictEqual(inFlight(), 0)
    assert.deepStrictEqual(watcher.problems(), [])
  })
})

describe("createRouter: a stream", () => {
  /** Parts of an answer, and whether its iterator was returned. */
  const source = (parts: ReadonlyArray<string>, end?: () => Promise<IteratorResult<string>>) => {
    const seen = { returned: 0, nexts: 0 }
    let at = 0
    const iterable: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          seen.nexts++
          const value = parts[at++]
          if (value !== undefined) return { done: false, value }
          return end === undefined ? { done: true, value: undefined } : end()
        },
        return: async () => {
          seen.returned++
          return { done: true, value: undefined }
        }
      })
    }
    return { iterable, seen }
  }
  const collect = async <A>(iterable: AsyncIterable<A>): Promise<Array<A>> => {
    const all: Array<A> = []
    for await (const part of iterable) all.push(part)
    return all
  }

  it("hands over all parts, and does not return an iterator that has ended by itself", async () => {
    const { inFlight, router, watcher } = make()
    const { iterable, seen } = source(["x", "y"])
    assert.deepStrictEqual(await collect(router.stream(() => iterable)), ["x", "y"])
    assert.strictEqual(seen.returned, 0)
    assert.strictEqual(inFlight(), 0)
    assert.deepStrictEqual(watcher.problems(), [])
  })

  it("takes async generators", async () => {
    const { router } = make()
    const parts = router.stream(async function* ({ target }) {
      if (target.id === "a") throw overloaded
      yield "x"
      yield "y"
    })
    assert.deepStrictEqual(await collect(parts), ["x", "y"])
  })

  it("moves to the next target when a stream fails before its content", async () => {
    const { router, inFlight } = make()
    const first = source(["start"], () => Promise.reject(overloaded))
    const second = source(["start", "x"])
    const got = await collect(
      router.stream(({ target }) => (target.id === "a" ? first : second).iterable, { isContent: (p) => p !== "start" })
    )
    assert.deepStrictEqual(got, ["start", "x"])
    assert.strictEqual(inFlight(), 0)
  })

  it("throws StreamBroken after the content, and restarts when told to", async () => {
    for (const onBreak of [BreakPolicy.fail, BreakPolicy.restart(() => "again")]) {
      const { inFlight, router, watcher } = make()
      const got: Array<string> = []
      const read = async () => {
        const parts = router.stream(
          ({ target }) =>
            (target.id === "a" ? source(["x"], () => Promise.reject(overloaded)) : source(["y", "z"])).iterable,
          { onBreak }
        )
        for await (const part of parts) got.push(part)
      }
      if (onBreak._tag === "Fail") {
        const error = await rejection(read())
        assert.instanceOf(error, RouteError.RouteError)
        assert.strictEqual(error.reason._tag, "StreamBroken")
        assert.deepStrictEqual(got, ["x"])
      } else {
        await read()
        assert.deepStrictEqual(got, ["x", "again", "y", "z"])
      }
      assert.strictEqual(inFlight(), 0)
      assert.deepStrictEqual(watcher.problems(), [])
    }
  })

  it("throws the caller's own error as it is", async () => {
    const { router } = make()
    const { iterable } = source(["x"], () => Promise.reject(invalidRequest))
    assert.strictEqual(await rejection(collect(router.stream(() => iterable))), invalidRequest)
  })

  it("takes what the call throws before it has an iterable for a failed attempt", async () => {
    const { inFlight, router, watcher } = make()
    const bug = new Error("bug")
    const parts = router.stream((): AsyncIterable<string> => {
      throw bug
    })
    const error = await rejection(collect(parts))
    assert.instanceOf(error, RouteError.RouteError)
    assert.strictEqual(error.last, bug)
    assert.strictEqual(inFlight(), 0)
    assert.deepStrictEqual(watcher.problems(), [])
  })

  it("asks nobody before the first part is asked for", async () => {
    const { router, watcher } = make()
    const { iterable } = source(["x"])
    const parts = router.stream(() => iterable)
    await turns()
    assert.strictEqual(watcher.calls.length, 0)
    await collect(parts)
    assert.strictEqual(watcher.calls.length, 1)
  })

  it("returns the provider's iterator and frees the slot when the loop is left early", async () => {
    const { inFlight, router, watcher } = make()
    const { iterable, seen } = source(["x", "y", "z"])
    let signal: AbortSignal | undefined
    const parts = router.stream((attempt) => {
      signal = attempt.signal
      return iterable
    })
    for await (const _ of parts) break
    assert.strictEqual(seen.returned, 1)
    assert.strictEqual(signal?.aborted, true)
    assert.strictEqual(inFlight(), 0)
    assert.strictEqual(watcher.calls[0]?.records[0]?.outcome, "cancelled")
    assert.deepStrictEqual(watcher.problems(), [])
  })

  it("runs the finally block of a generator that is left early before the slot is free", async () => {
    const { inFlight, router } = make()
    const order: Array<string> = []
    const parts = router.stream(async function* () {
      try {
        yield "x"
        yield "y"
      } finally {
        await turns(5)
        order.push(`closed with ${inFlight()} in flight`)
      }
    })
    for await (const _ of parts) break
    order.push(`left with ${inFlight()} in flight`)
    assert.deepStrictEqual(order, ["closed with 1 in flight", "left with 0 in flight"])
  })

  it("gives everything back when the loop's own code throws", async () => {
    const { inFlight, router, watcher } = make()
    const { iterable, seen } = source(["x", "y"])
    const bug = new Error("bug of the consumer")
    const read = async () => {
      for await (const _ of router.stream(() => iterable)) throw bug
    }
    assert.strictEqual(await rejection(read()), bug)
    assert.strictEqual(seen.returned, 1)
    assert.strictEqual(inFlight(), 0)
    assert.deepStrictEqual(watcher.problems(), [])
  })

  it("does not wait for an iterator that is stuck in next when it is left", async () => {
    const { inFlight, router, watcher } = make()
    const { iterable, seen } = source(["x"], never)
    const iterator = router.stream(() => iterable)[Symbol.asyncIterator]()
    assert.deepStrictEqual(await iterator.next(), { done: false, value: "x" })
    const stuck = iterator.next()
    await turns()
    await iterator.return?.()
    assert.strictEqual((await stuck).done, true)
    assert.strictEqual(seen.returned, 1)
    assert.strictEqual(inFlight(), 0)
    assert.deepStrictEqual(watcher.problems(), [])
  })

  it("gives everything back when the provider's return throws, rejects or is not there", async () => {
    const returns: Record<string, Partial<AsyncIterator<string>>> = {
      throws: {
        return: () => {
          throw new Error("bug of the iterator")
        }
      },
      rejects: { return: () => Promise.reject(new Error("bug of the iterator")) },
      "is not there": {}
    }
    for (const more of Object.values(returns)) {
      const { inFlight, router, watcher } = make()
      const iterable: AsyncIterable<string> = {
        [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: "x" }), ...more })
      }
      try {
        for await (const _ of router.stream(() => iterable)) break
      } catch (error) {
        assert.include(String(error), "bug of the iterator")
      }
      assert.strictEqual(inFlight(), 0)
      assert.deepStrictEqual(watcher.problems(), [])
    }
  })

  it("fails as a call does when next throws at once", async () => {
    const { inFlight, router, watcher } = make()
    const bug = new Error("bug of next")
    const iterable: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          throw bug
        }
      })
    }
    assert.strictEqual(await rejection(collect(router.stream(() => iterable))), bug)
    assert.strictEqual(inFlight(), 0)
    assert.deepStrictEqual(watcher.problems(), [])
  })

  it("moves on from a silent iterator without waiting for it", async () => {
    const { inFlight, router } = make({ timeouts: { firstContent: 20 } })
    const silent = source([], never)
    const got = await collect(router.stream(({ target }) => (target.id === "a" ? silent : source(["x"])).iterable))
    assert.deepStrictEqual(got, ["x"])
    assert.strictEqual(silent.seen.returned, 1)
    assert.strictEqual(inFlight(), 0)
  })

  it("asks nobody when its signal has fired before", async () => {
    const { inFlight, router, watcher } = make()
    const { iterable, seen } = source(["x"])
    const reason = new Error("gone")
    const parts = router.stream(() => iterable, { signal: AbortSignal.abort(reason) })
    assert.strictEqual(await rejection(collect(parts)), reason)
    await turns()
    assert.strictEqual(seen.nexts, 0)
    assert.strictEqual(inFlight(), 0)
    assert.deepStrictEqual(watcher.problems(), [])
  })

  it("throws the reason of its signal, while it waits and between parts", async () => {
    for (const reason of [new Error("gone"), "a string"]) {
      for (const when of ["waiting", "between"]) {
        const { inFlight, router, watcher } = make()
        const controller = new AbortController()
        const { iterable, seen } = source(["x"], never)
        const iterator = router.stream(() => iterable, { signal: controller.signal })[Symbol.asyncIterator]()
        await iterator.next()
        const waiting = when === "waiting" ? rejection(iterator.next()) : undefined
        await turns()
        controller.abort(reason)
        await turns()
        assert.strictEqual(await (waiting ?? rejection(iterator.next())), reason)
        await turns()
        assert.strictEqual(seen.returned, 1)
        assert.strictEqual(inFlight(), 0)
        assert.strictEqual(watcher.calls[0]?.records[0]?.outcome, "cancelled")
        assert.deepStrictEqual(watcher.problems(), [])
      }
    }
  })

  it("frees the slot when its signal fires, though nobody asks for another part", async () => {
    const { inFlight, router, watcher } = make()
    const controller = new AbortController()
    const { iterable } = source(["x", "y"], never)
    const iterator = router.stream(() => iterable, { signal: controller.signal })[Symbol.asyncIterator]()
    await iterator.next()
    controller.abort()
    await turns(50)
    assert.strictEqual(inFlight(), 0)
    assert.deepStrictEqual(watcher.problems(), [])
  })

  it("reads no further ahead than the consumer with a signal than without one", async () => {
    const ahead: Array<number> = []
    for (const signal of [undefined, new AbortController().signal]) {
      const { router } = make()
      const { iterable, seen } = source(Array.from({ length: 50 }, String))
      const iterator = router.stream(() => iterable, signal === undefined ? {} : { signal })[Symbol.asyncIterator]()
      await iterator.next()
      await turns(50)
      ahead.push(seen.nexts)
      await iterator.return?.()
    }
    assert.strictEqual(ahead[1], ahead[0])
  })
})

describe("createRouter: the rest of its face", () => {
  it("throws InvalidOption at once when an option is wrong", () => {
    assert.throws(() => make({ targets: [] }), "Router.make: targets must be a list of at least one target")
    assert.throws(() => make({ retry: { maxAttempts: 0 } }), "RetryPolicy: maxAttempts must be an integer >= 1, got 0")
  })

  it("isolates, drains and restores", async () => {
    const { inFlight, router } = make()
    let answer: ((value: string) => void) | undefined
    const running = router.route(() => new Promise<string>((resolve) => (answer = resolve)))
    const drained = router.drain("a")
    assert.strictEqual(await router.route(async ({ target }) => target.id), "b")
    assert.strictEqual(inFlight(), 1)
    answer?.("done")
    assert.strictEqual(await running, "done")
    await drained
    router.isolate("b")
    assert.strictEqual(
      ((await rejection(router.route(async () => "x"))) as RouteError.RouteError).reason._tag,
      "NoCandidate"
    )
    router.restore("a")
    assert.strictEqual(router.explain().pick, "a")
    assert.strictEqual(await router.route(async ({ target }) => target.id), "a")
  })

  it("gives decision records while somebody reads them", async () => {
    const { router } = make()
    const records = router.decisions()[Symbol.asyncIterator]()
    const first = records.next()
    await turns()
    await router.route(async ({ target }) => {
      if (target.id === "a") throw rateLimited(1)
      return "ok"
    })
    const { value } = await first
    assert.deepStrictEqual([value?.outcome, value?.servedBy, value?.attempts.length], ["ok", "b", 2])
    await records.return?.()
  })

  it("closes, also twice, also by `await using`; calls in flight go on and still end at their deadline", async () => {
    const { inFlight, router } = make()
    let answer: ((value: string) => void) | undefined
    const running = router.route(() => new Promise<string>((resolve) => (answer = resolve)))
    const hanging = router.route(never, { deadline: 50 })
    await router.close()
    await router[Symbol.asyncDispose]()
    answer?.("done")
    assert.strictEqual(await running, "done")
    const end = await Promise.race([
      rejection(hanging),
      new Promise((resolve) => setTimeout(resolve, 1000, "never ended"))
    ])
    assert.instanceOf(end, RouteError.RouteError)
    assert.strictEqual(inFlight(), 0)
  })

  it("offers the same router to Effect code", async () => {
    const { inFlight, router } = make()
    const answer = await Effect.runPromise(router.router.route({}, ({ target }) => Effect.succeed(target.id)))
    assert.strictEqual(answer, "a")
    assert.strictEqual(inFlight(), 0)
  })

  it("does not keep a process alive: one call with a deadline of 5 minutes, and it exits by itself", async () => {
    const dist = fileURLToPath(new URL("../../dist/index.js", import.meta.url))
    const program = `
      import { Effect } from "effect"
      import { createRouter } from ${JSON.stringify(dist)}
      const inOrder = { name: "in-order", make: (candidates) => Effect.succeed({ pick: (_request, eligible) => candidates.find(eligible) }) }
      const router = createRouter({ targets: [{ id: "a", client: 1 }], strategy: inOrder })
      const answer = await router.route(() => new Promise((resolve) => setTimeout(resolve, 50, "ok")), { deadline: "5 minutes" })
      const parts = router.stream(async function* () { yield "x"; await new Promise((r) => setTimeout(r, 50)); yield "y" }, { deadline: "5 minutes" })
      for await (const part of parts) {}
      console.log(answer)`
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      stdio: ["ignore", "pipe", "inherit"]
    })
    let answeredAt = Number.NaN
    child.stdout.on("data", () => {
      answeredAt = performance.now()
    })
    const [code] = await once(child, "close")
    assert.strictEqual(code, 0)
    assert.isBelow(performance.now() - answeredAt, 1500)
  })
})
