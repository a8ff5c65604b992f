/**
 * AWS's own codec as a witness: it reads the frames of the fake, and what they say is what our adapter reads. Of the SDK
 * itself only this part is here; the rest is heavy.
 */
import { EventStreamCodec } from "@smithy/eventstream-codec"
import { Effect, Redacted } from "effect"
import { FetchHttpClient } from "effect/http"
import { assert, describe, it } from "vitest"
import * as Bedrock from "../../src/Bedrock.ts"
import { Behaviour, type FakeProvider } from "../../src/testing/index.ts"
import { key } from "../support/Calls.ts"
import { all } from "./support/Intents.ts"
import {
  cap,
  finishes,
  model,
  oursStreamed,
  oursWhole,
  question,
  type Reading,
  type Scene,
  scenes,
  withFake
} from "./support/Reading.ts"
import { recorder, sentBy } from "./support/Recorder.ts"

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString("utf8"),
  (text) => Buffer.from(text, "utf8")
)

interface Frame {
  readonly kind: unknown
  readonly name: unknown
  // biome-ignore lint/suspicious/noExplicitAny: JSON of the vendor's shape, read by a test
  readonly payload: any
}

/** Each frame as the codec has it; a wrong length or checksum throws. */
const framesOf = (bytes: Uint8Array): ReadonlyArray<Frame> => {
  const frames: Array<Frame> = []
  for (let at = 0; at < bytes.length; ) {
    const length = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0)
    const { body, headers } = codec.decode(bytes.subarray(at, at + length))
    const kind = headers[":message-type"]?.value
    frames.push({
      kind,
      name: headers[`:${kind}-type`]?.value,
      payload: JSON.parse(Buffer.from(body).toString("utf8"))
    })
    at += length
  }
  return frames
}

const ask = async ({ urls }: FakeProvider.FakeProvider) => {
  const response = await fetch(`${urls.bedrock}/model/${model}/converse-stream`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${Redacted.value(key)}` },
    body: JSON.stringify({
      messages: [{ role: "user", content: [{ text: question }] }],
      inferenceConfig: { maxTokens: cap }
    })
  })
  return framesOf(new Uint8Array(await response.arrayBuffer()))
}

const read = (frames: ReadonlyArray<Frame>): Reading => {
  const of = (name: string) => frames.filter((frame) => frame.name === name).map(({ payload }) => payload)
  const deltas = of("contentBlockDelta")
  const joined = (pick: (delta: Frame["payload"]) => string | undefined) =>
    deltas.map(({ delta }) => pick(delta) ?? "").join("")
  return {
    text: joined(({ text }) => text),
    reasoning: joined(({ reasoningContent }) => reasoningContent?.text),
    calls: of("contentBlockStart").map(({ contentBlockIndex, start }) => ({
      name: start.toolUse.name,
      params: JSON.parse(
        deltas
          .filter((each) => each.contentBlockIndex === contentBlockIndex)
          .map(({ delta }) => delta.toolUse.input)
          .join("")
      )
    })),
    finish: of("messageStop")[0]?.stopReason,
    input: of("metadata")[0]?.usage.inputTokens,
    output: of("metadata")[0]?.usage.outputTokens
  }
}

const words: Readonly<Record<Scene, string>> = {
  text: "end_turn",
  thinking: "end_turn",
  calls: "tool_use",
  length: "max_tokens",
  oddPieces: "end_turn"
}

describe("AWS's codec reads the frames of the fake", () => {
  for (const scene of Object.keys(scenes) as ReadonlyArray<Scene>) {
    it(`that say ${scene} as we read it`, () =>
      withFake(scenes[scene].script, async (fake) => {
        const { script: _script, ...said } = scenes[scene]
        const seen = read(await ask(fake))
        const ours = Bedrock.model({
          model,
          region: "eu-central-1",
          apiKey: key,
          baseUrl: fake.urls.bedrock,
          settings: { maxTokens: cap }
        })
        const expected = { ...said, input: seen.input }
        assert.isAbove(Number(seen.input), 0)
        assert.deepStrictEqual(seen, { ...expected, finish: words[scene] })
        assert.deepStrictEqual(await oursStreamed(ours), { ...expected, finish: finishes[scene] })
        assert.deepStrictEqual(await oursWhole(ours), { ...expected, finish: finishes[scene] })
      }))
  }

  it("an error in the middle of a stream is an exception by its name", () =>
    withFake(Behaviour.errorIn200({ after: 3, status: 429 }), async (fake) => {
      const frames = await ask(fake)
      assert.strictEqual(frames.length, 4)
      const { kind, name, payload } = frames.at(-1) ?? {}
      assert.deepStrictEqual({ kind, name }, { kind: "exception", name: "throttlingException" })
      assert.strictEqual(payload?.message, "Rate limit reached.")
    }))
})

describe("Bedrock asks, as AWS's SDK was seen to ask by hand,", () => {
  it("with a strict tool whose schema is closed", () =>
    Effect.gen(function* () {
      const server = yield* recorder
      const layer = Bedrock.layer({ model, region: "eu-central-1", apiKey: key, baseUrl: server.url })
      const call = all["a strict tool"].pipe(Effect.provide(layer), Effect.provide(FetchHttpClient.layer))
      const { body } = yield* Effect.promise(() => sentBy(server, () => Effect.runPromise(call)))
      const json = {
        type: "object",
        properties: { city: { type: "string" } },
        required: ["city"],
        additionalProperties: false
      }
      const toolSpec = { name: "weather", description: "Weather of a city", inputSchema: { json }, strict: true }
      assert.deepStrictEqual(body["toolConfig"], { tools: [{ toolSpec }] })
    }).pipe(Effect.scoped, Effect.runPromise))
})
