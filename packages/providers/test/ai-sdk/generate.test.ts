/** `generateText` and `streamText` of the real `ai` over a router. */
import { APICallError } from "@ai-sdk/provider"
import { InvalidOption } from "@spillway/core/InvalidOption"
import * as RoutedModel from "@spillway/core/RoutedModel"
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai"
import { assert, describe, it } from "vitest"
import * as AiSdk from "../../src/ai-sdk/AiSdk.ts"
import { Behaviour, FakeAnswer, RetryAfter } from "../../src/testing/index.ts"
import { v4 } from "./models.ts"
import { over, routed } from "./routed.ts"

const prompt = "Name a river."
const busy = Behaviour.status(503)
const calls = { maxRetries: 0 }

describe("generateText of ai over a router", () => {
  it("gets the backup's answer when the primary fails, and says who served it", async () => {
    const { close, fake, held, model } = await routed(busy)
    const result = await generateText({ model, prompt, ...calls })
    assert.isTrue(FakeAnswer.isCompleteAnswer(prompt, result.text))
    assert.strictEqual(result.finishReason, "stop")
    assert.strictEqual(fake.count("backup"), 1)
    const { attempts, servedBy } = result.providerMetadata?.["spillway"] ?? {}
    assert.strictEqual(servedBy, "backup")
    assert.strictEqual(attempts, fake.count("primary") + 1)
    assert.isTrue(Number.isInteger(result.usage.inputTokens))
    assert.strictEqual(result.usage.outputTokens, 6)
    assert.strictEqual(held(), 0)
    await close()
  })

  it("runs a tool once although the first target fails in both steps", async () => {
    const backup = Behaviour.sequence([
      Behaviour.toolCall("weather", { city: "Oslo" }),
      Behaviour.answer({ tokens: 5 })
    ])
    const { close, fake, model } = await routed(busy, backup)
    let runs = 0
    const weather = tool({
      description: "Weather by city",
      inputSchema: jsonSchema<{ city: string }>({ type: "object", properties: { city: { type: "string" } } }),
      execute: ({ city }) => {
        runs++
        return { degrees: city.length }
      }
    })
    const result = await generateText({ model, prompt, tools: { weather }, stopWhen: stepCountIs(3), ...calls })
    assert.strictEqual(runs, 1)
    assert.strictEqual(result.steps.length, 2)
    assert.strictEqual(fake.count("backup"), 2)
    assert.isTrue(result.text.length > 0)
    await close()
  })

  it("passes settings and headers on to the target", async () => {
    const { close, fake, model } = await routed(Behaviour.answer({ tokens: 9 }))
    const result = await generateText({ model, prompt, maxOutputTokens: 4, headers: { "x-team": "a" }, ...calls })
    assert.strictEqual(fake.requests[0]?.headers["x-team"], "a")
    assert.strictEqual(result.finishReason, "length")
    await close()
  })

  it("gives an object by JSON Schema", async () => {
    const { close, model } = await routed(busy, Behaviour.answer({ text: '{"name":"Oslo"}' }))
    const schema = jsonSchema<{ name: string }>({
      type: "object",
      properties: { name: { type: "string" } },
      required: ["name"],
      additionalProperties: false
    })
    const { output } = await generateText({ model, prompt, output: Output.object({ schema }), ...calls })
    assert.deepStrictEqual(output, { name: "Oslo" })
    await close()
  })

  it("fails with an APICallError that names attempts and says nothing of the prompt", async () => {
    const { close, held, model } = await routed(busy, Behaviour.rateLimited({ retryAfter: RetryAfter.seconds(30) }))
    const error = await generateText({ model, prompt: "my secret plan", ...calls }).then(
      String,
      (error: unknown) => error
    )
    assert.isTrue(APICallError.isInstance(error))
    if (!APICallError.isInstance(error)) return
    assert.isTrue(error.isRetryable)
    const data = error.data as { spillway: { route?: { reason: string; attempts: ReadonlyArray<{ target: string }> } } }
    assert.includeMembers(
      (data.spillway.route?.attempts ?? []).map(({ target }) => target),
      ["primary", "backup"]
    )
    assert.notInclude(`${error.message} ${JSON.stringify(error)}`, "secret")
    assert.strictEqual(held(), 0)
    await close()
  })

  it("is not tried again by ai when the fault is the caller's", async () => {
    const { close, fake, model } = await routed(Behaviour.status(400))
    const error = await generateText({ model, prompt, maxRetries: 2 }).then(String, (error: unknown) => error)
    assert.isTrue(APICallError.isInstance(error) && !error.isRetryable && error.statusCode === 400)
    assert.strictEqual(fake.count(), 1)
    await close()
  })

  it("hears what the call says for the router, and refuses what it does not know", async () => {
    const { close, fake, model, router } = await routed(Behaviour.answer())
    const records = router.decisions()[Symbol.asyncIterator]()
    const next = records.next()
    await generateText({
      model,
      prompt,
      providerOptions: { spillway: { priority: "P0", tenant: "acme", deadline: "10 seconds" } },
      ...calls
    })
    const record = (await next).value
    assert.strictEqual(record?.priority, "P0")
    const asked = fake.count()
    for (const spillway of [{ priority: "P9" }, { deadlin: 1 }, { onBreak: "x" }]) {
      const error = await generateText({ model, prompt, providerOptions: { spillway }, ...calls }).then(
        String,
        (error: unknown) => error
      )
      assert.strictEqual(error instanceof Error ? error.name : error, "InvalidOption")
    }
    assert.strictEqual(fake.count(), asked)
    await records.return?.()
    await close()
  })

  it("answers equal calls from the router's cache where it is asked to, and another format is another call", async () => {
    const { close, fake, router } = await routed(Behaviour.answer({ text: '{"a":1}' }), undefined, { cache: {} })
    const model = AiSdk.fromRouter(router, { cache: true })
    const format = (type: "string" | "number") => ({ type: "json" as const, schema: { type } })
    const asked = { prompt: [{ role: "user" as const, content: [{ type: "text" as const, text: "?" }] }] }
    for (const type of ["string", "string", "number"] as const) {
      await model.doGenerate({ ...asked, responseFormat: format(type) })
    }
    assert.strictEqual(fake.count(), 2)
    assert.throws(() => AiSdk.fromRouter(router, { onBreak: "restart" } as never), /onBreak/)
    await close()
  })

  it("gives everything back and rejects with the signal's reason when the caller leaves", async () => {
    const { close, fake, held, model } = await routed(Behaviour.silent)
    const controller = new AbortController()
    const running = generateText({ model, prompt, abortSignal: controller.signal, ...calls }).then(
      String,
      (error: unknown) => error
    )
    await fake.when(() => fake.inFlight("primary") === 1)
    assert.strictEqual(held(), 1)
    controller.abort()
    const error = await running
    assert.strictEqual(error instanceof Error ? error.name : error, "AbortError")
    assert.strictEqual(held(), 0)
    await fake.whenIdle()
    await close()
  })
})

describe("streamText of ai over a router", () => {
  it("streams the backup's reasoning and text when the primary fails before it has begun", async () => {
    const { close, model } = await routed(
      Behaviour.cutAfter(1),
      Behaviour.reasoning(4, Behaviour.answer({ tokens: 6 }))
    )
    const result = streamText({ model, prompt, ...calls })
    let text = ""
    for await (const delta of result.textStream) text += delta
    assert.isTrue(FakeAnswer.isCompleteAnswer(prompt, text))
    assert.isTrue(((await result.reasoningText) ?? "").length > 0)
    assert.strictEqual((await result.providerMetadata)?.["spillway"]?.["servedBy"], "backup")
    assert.strictEqual(await result.finishReason, "stop")
    assert.isTrue(Number.isInteger((await result.usage).totalTokens))
    await close()
  })

  it("ends with an error part when the target breaks after the first words", async () => {
    const { close, held, model } = await routed(Behaviour.cutAfter(4, Behaviour.answer({ tokens: 6 })))
    const errors: Array<unknown> = []
    const result = streamText({ model, prompt, ...calls, onError: ({ error }) => void errors.push(error) })
    const types: Array<string> = []
    for await (const part of result.fullStream) types.push(part.type)
    assert.include(types, "text-delta")
    assert.include(types, "error")
    assert.isTrue(APICallError.isInstance(errors[0]))
    assert.strictEqual(held(), 0)
    await close()
  })

  it("closes the provider's connection when the caller leaves in the middle", async () => {
    const stalls = Behaviour.stallAfter(4, Behaviour.answer({ tokens: 6 }))
    const { close, fake, held, model } = await routed(stalls)
    const controller = new AbortController()
    const result = streamText({ model, prompt, abortSignal: controller.signal, ...calls })
    const types: Array<string> = []
    for await (const part of result.fullStream) {
      types.push(part.type)
      if (part.type === "text-delta") controller.abort()
    }
    assert.include(types, "abort")
    await fake.whenIdle()
    assert.strictEqual(held(), 0)
    await close()
  })

  it("streams a tool call and its result", async () => {
    const primary = Behaviour.sequence([Behaviour.toolCall("add", { a: 1, b: 2 }), Behaviour.answer({ tokens: 4 })])
    const { close, model } = await routed(primary)
    const add = tool({
      inputSchema: jsonSchema<{ a: number; b: number }>({ type: "object" }),
      execute: ({ a, b }) => a + b
    })
    const result = streamText({ model, prompt, tools: { add }, stopWhen: stepCountIs(2), ...calls })
    const results: Array<unknown> = []
    for await (const part of result.fullStream) if (part.type === "tool-result") results.push(part.output)
    assert.deepStrictEqual(results, [3])
    await close()
  })
})

describe("a router as a ProviderModel", () => {
  it("is a target of another router: its cap makes the call's smaller, and both say who answered", async () => {
    const inner = await routed(busy, Behaviour.answer({ tokens: 9 }))
    const outer = over(inner.fake, { nested: RoutedModel.provider(inner.router.router) })
    const spillway = { maxOutputTokens: 4, needs: { capabilities: ["tools"] } }
    const result = await generateText({ model: outer.model, prompt, providerOptions: { spillway }, ...calls })
    assert.strictEqual(result.finishReason, "length")
    assert.strictEqual(result.usage.outputTokens, 4)
    assert.strictEqual(result.providerMetadata?.["spillway"]?.["servedBy"], "nested")
    assert.strictEqual(inner.fake.count("backup"), 1)
    await outer.router.close()
    await inner.close()
  })

  it("hands vendors' options to targets that are models of the AI SDK", async () => {
    const { asked, model } = v4({ content: [{ type: "text", text: "hi" }] })
    const { close, fake } = await routed(busy)
    const outer = over(fake, { acme: AiSdk.fromModel(model, { providerOptions: { acme: { tier: "flex" } } }) })
    for (const acme of [{ tier: "fast" }, undefined]) {
      await generateText({ model: outer.model, prompt, ...(acme && { providerOptions: { acme } }), ...calls })
    }
    assert.deepStrictEqual(
      asked.map(({ providerOptions }) => providerOptions),
      [{ acme: { tier: "fast" } }, { acme: { tier: "flex" } }]
    )
    // The same router for Effect code is taken as well.
    assert.strictEqual((await generateText({ model: AiSdk.fromRouter(outer.router.router), prompt })).text, "hi")
    assert.throws(() => AiSdk.fromRouter({} as never), InvalidOption, /createRouter/)
    await outer.router.close()
    await close()
  })
})
