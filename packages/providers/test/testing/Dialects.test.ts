import { assert, describe, it } from "@effect/vitest"
import { Behaviour, FakeAnswer } from "@spillway/providers/testing"
import { idle, until, withFake } from "./client.ts"
import { askIn, beginIn, saidIn } from "./dialects/Client.ts"
import { clients } from "./dialects/clients.ts"

/** What every dialect must say of the same script, whole and streamed. */
for (const client of clients) {
  const [stop, called, capped, filtered, blocked] = client.words
  const both = (run: (stream: boolean) => Promise<void>) => run(false).then(() => run(true))

  describe(`${client.name}: answers`, () => {
    it.effect("gives each question its own complete answer, with usage, whole and streamed", () =>
      withFake({ "m/1:0": Behaviour.answer({ tokens: 12, chunkTokens: 5 }) }, (fake) =>
        both(async (stream) => {
          const said = await saidIn(client, fake, { model: "m/1:0", question: "Why 東京?", stream })
          assert.strictEqual(said.text, FakeAnswer.answerTo("Why 東京?", 12))
          assert.strictEqual(said.finish, stop)
          assert.deepInclude(said.usage, { input: 2, output: 12 })
          const entry = fake.requests.at(-1)
          assert.deepInclude(entry, { dialect: client.name, model: "m/1:0", question: "Why 東京?", streamed: stream })
          assert.deepInclude(entry, { status: 200, outcome: "answered" })
        })
      )
    )

    it.effect("thinks before it answers, signs what is to be sent back, and counts it", () =>
      withFake({ m: Behaviour.reasoning(4, Behaviour.answer({ tokens: 3 })) }, async (fake) => {
        const whole = await saidIn(client, fake)
        const streamed = await saidIn(client, fake, { stream: true })
        assert.deepStrictEqual(streamed, whole)
        assert.strictEqual(whole.reasoning.split(" ").length, 4)
        assert.isTrue(FakeAnswer.isCompleteAnswer("Q", whole.text))
        assert.strictEqual(whole.usage.output, 7)
        assert.strictEqual(whole.usage.reasoning, client.name === "converse" ? undefined : 4)
        assert.strictEqual(whole.signatures.length, client.name === "chat" ? 0 : 1)
      })
    )

    it.effect("calls tools, several and without arguments, whole and streamed", () =>
      withFake(
        { m: Behaviour.toolCall("weather", { city: "Zürich", days: [1, 2] }, Behaviour.toolCall("clock", "")) },
        (fake) =>
          both(async (stream) => {
            const said = await saidIn(client, fake, { stream })
            assert.strictEqual(said.text, "")
            assert.strictEqual(said.finish, called)
            assert.deepStrictEqual(said.calls[0], { name: "weather", args: { city: "Zürich", days: [1, 2] } })
            assert.strictEqual(said.calls[1]?.name, "clock")
            assert.include([JSON.stringify({}), JSON.stringify("")], JSON.stringify(said.calls[1]?.args))
            assert.strictEqual(said.calls.length, 2)
          })
      )
    )

    if (client.name !== "gemini") {
      it.effect("gives broken arguments of a call as they are", () =>
        withFake({ m: Behaviour.toolCall("weather", '{"city":') }, (fake) =>
          both(async (stream) => {
            const said = await saidIn(client, fake, { stream })
            assert.deepStrictEqual([said.calls, said.finish], [[{ name: "weather", args: '{"city":' }], called])
          })
        )
      )
    }

    it.effect("keeps to the cap on output tokens under its own name", () =>
      withFake({ m: Behaviour.answer({ text: "a b c d" }) }, (fake) =>
        both(async (stream) => {
          const said = await saidIn(client, fake, { stream, maxTokens: 2 })
          assert.deepStrictEqual([said.text, said.finish, said.usage.output], ["a b", capped, 2])
        })
      )
    )

    it.effect("goes on after a prefill, unless the model takes none", () =>
      withFake({ m: Behaviour.answer(), strict: Behaviour.refusesPrefill() }, async (fake) => {
        const whole = FakeAnswer.answerTo("Q", 16)
        await both(async (stream) => {
          const said = await saidIn(client, fake, { stream, prefill: whole.slice(0, 25) })
          assert.strictEqual(said.text, whole.slice(25))
        })
        assert.strictEqual((await askIn(client, fake, { model: "strict", prefill: "x" })).status, 400)
        assert.strictEqual((await saidIn(client, fake, { model: "strict" })).text, whole)
      })
    )

    it.effect("says the policy's word, of the answer and of the prompt", () =>
      withFake(
        {
          answer: Behaviour.contentFiltered({ asFinish: true }, Behaviour.answer({ text: "a b" })),
          prompt: Behaviour.contentFiltered()
        },
        (fake) =>
          both(async (stream) => {
            const answer = await saidIn(client, fake, { model: "answer", stream })
            assert.deepStrictEqual([answer.text, answer.finish], ["a b", filtered])
            if (blocked === undefined) {
              const reply = await askIn(client, fake, { model: "prompt", stream })
              assert.strictEqual(reply.status, 400)
              assert.match(reply.body, /"code":"content_filter"/)
              return
            }
            const prompt = await saidIn(client, fake, { model: "prompt", stream })
            assert.deepStrictEqual([prompt.text, prompt.finish, prompt.calls], ["", blocked, []])
          })
      )
    )

    it.effect("says the word and sends the headers that the script says", () =>
      withFake({ m: Behaviour.answer({ finish: "odd_word", headers: { "x-mine": "1" } }) }, (fake) =>
        both(async (stream) => {
          assert.strictEqual((await saidIn(client, fake, { stream })).finish, "odd_word")
          assert.strictEqual((await askIn(client, fake, { stream })).headers["x-mine"], "1")
        })
      )
    )
  })

  describe(`${client.name}: faults`, () => {
    const abc = Behaviour.answer({ text: "a b c" })
    const textOf = (reply: Parameters<typeof client.events>[0]) => client.streamed(client.events(reply)).text

    it.effect("cutAfter and endWithoutFinish: the same content is out before it breaks, and no finish", () =>
      withFake({}, async (fake) => {
        for (const [after, text] of [
          [0, ""],
          [1, ""],
          [3, "a b"],
          [99, "a b c"]
        ] as const) {
          fake.script("m", Behaviour.sequence([Behaviour.cutAfter(after, abc), Behaviour.endWithoutFinish(after, abc)]))
          const cut = await askIn(client, fake, { stream: true })
          const ended = await askIn(client, fake, { stream: true })
          assert.deepStrictEqual([cut.status, cut.error, textOf(cut)], [200, "ECONNRESET", text])
          assert.deepStrictEqual([ended.status, ended.error, textOf(ended)], [200, undefined, text])
          for (const reply of [cut, ended]) assert.isUndefined(client.streamed(client.events(reply)).finish)
        }
        await idle(fake)
        assert.deepStrictEqual([...new Set(fake.requests.map((entry) => entry.outcome))], ["cut"])
      })
    )

    it.effect("whole answers break, too: half a body, or no finish", () =>
      withFake({ cut: Behaviour.cutAfter(1), ended: Behaviour.endWithoutFinish(1) }, async (fake) => {
        const cut = await askIn(client, fake, { model: "cut" })
        assert.strictEqual(cut.error, "ECONNRESET")
        assert.throws(() => JSON.parse(cut.body))
        assert.isUndefined((await saidIn(client, fake, { model: "ended" })).finish)
      })
    )

    it.effect("malformedChunkAfter: one event that is no JSON, then the rest", () =>
      withFake({ m: Behaviour.malformedChunkAfter(2, abc) }, async (fake) => {
        const reply = await askIn(client, fake, { stream: true })
        assert.throws(() => {
          for (const { data } of client.events(reply)) if (typeof data === "string") throw new SyntaxError(data)
        }, SyntaxError)
        assert.include(reply.body, stop)
        assert.strictEqual(fake.requests[0]?.outcome, "error")
      })
    )

    it.effect("splitBytes: the same bytes in small pieces", () =>
      withFake({ m: Behaviour.splitBytes(7, Behaviour.answer({ text: "🌊 東京" })) }, async (fake) => {
        const reply = await askIn(client, fake, { stream: true })
        const said = client.streamed(client.events(reply))
        assert.deepStrictEqual([said.text, said.finish], ["🌊 東京", stop])
        assert.isAbove(reply.pieces.length, 10)
      })
    )

    it.effect("withoutDone: the finish comes all the same", () =>
      withFake({ m: Behaviour.withoutDone(abc) }, async (fake) => {
        assert.strictEqual((await saidIn(client, fake, { stream: true })).finish, stop)
      })
    )

    it.effect("slowFirstToken and stallAfter: the opening, and then silence", () =>
      withFake({ slow: Behaviour.slowFirstToken("1 hour"), stalled: Behaviour.stallAfter(2, abc) }, async (fake) => {
        for (const model of ["slow", "stalled"]) {
          const sent = beginIn(client, fake, { model, stream: true })
          await sent.untilBody((text) => text.length > (model === "slow" ? 10 : 200))
          sent.abort()
          await idle(fake)
          assert.strictEqual(textOf(await sent.done), model === "slow" ? "" : "a")
        }
        assert.strictEqual(fake.requests.at(-1)?.outcome, "stalled")
      })
    )

    it.effect("keepAlive: signs of life where the dialect has them, then the answer", () =>
      withFake({ m: Behaviour.keepAlive({ every: 3, for: 10 }, abc) }, async (fake) => {
        const reply = await askIn(client, fake, { stream: true })
        assert.strictEqual(textOf(reply), "a b c")
        assert.isTrue(reply.body.startsWith(client.sign.repeat(3)))
        assert.strictEqual(reply.body.includes("keep-alive") || reply.body.includes("ping"), client.sign !== "")
        assert.match((await askIn(client, fake)).body, /^\n\n\n\{/)
      })
    )

    if (client.sign !== "") {
      it.effect("stallAfter with keepAlive: signs of life go on, content does not", () =>
        withFake({ m: Behaviour.stallAfter(2, abc, { keepAlive: 1 }) }, async (fake) => {
          const sent = beginIn(client, fake, { stream: true })
          await sent.untilBody((body) => body.endsWith(client.sign.repeat(3)))
          sent.abort()
          await idle(fake)
          assert.strictEqual(textOf(await sent.done), "a")
          assert.strictEqual(fake.requests[0]?.outcome, "stalled")
        })
      )
    }

    it.effect("resetBeforeHeaders and silent are below every dialect", () =>
      withFake({ reset: Behaviour.resetBeforeHeaders, silent: Behaviour.silent }, async (fake) => {
        assert.strictEqual((await askIn(client, fake, { model: "reset" })).error, "ECONNRESET")
        const sent = beginIn(client, fake, { model: "silent" })
        await until(fake, () => fake.inFlight("silent") === 1)
        sent.abort()
        await idle(fake)
        assert.strictEqual(fake.requests.at(-1)?.outcome, "stalled")
      })
    )
  })
}
