/** What a reader made of an answer of the fake, in the same words for SDKs and for our adapters. */
import type { Part, ProviderModel, StreamPart } from "@spillway/core/ProviderModel"
import { Effect } from "effect"
import type { Behaviour } from "../../../src/testing/Behaviour.ts"
import { answer, reasoning, toolCall } from "../../../src/testing/Behaviour.ts"
import * as FakeAnswer from "../../../src/testing/FakeAnswer.ts"
import { FakeProvider } from "../../../src/testing/index.ts"
import { collect, generate } from "../../support/Calls.ts"

export interface Reading {
  readonly text: string
  readonly reasoning: string
  readonly calls: ReadonlyArray<{ readonly name: string; readonly params: unknown }>
  /** Of `effect/ai`, or the vendor's. */
  readonly finish: unknown
  readonly input: unknown
  /** Thinking included. */
  readonly output: unknown
}

export const model = "m"
export const question = "Where does the river go?"
/** Cap on output tokens of every call. */
export const cap = 40

/** What the script does, and what every reader has to see. */
export const scenes = {
  text: { script: answer({ tokens: 9 }), text: FakeAnswer.answerTo(question, 9), reasoning: "", calls: [], output: 9 },
  thinking: {
    script: reasoning(4, answer({ tokens: 6 })),
    text: FakeAnswer.answerTo(question, 6),
    reasoning: FakeAnswer.answerTo(`reasoning\n${question}`, 4),
    calls: [],
    output: 10
  },
  calls: {
    script: toolCall("weather", { city: "Oslo" }, toolCall("clock", {})),
    text: "",
    reasoning: "",
    calls: [
      { name: "weather", params: { city: "Oslo" } },
      { name: "clock", params: {} }
    ],
    output: 7
  },
  length: {
    script: answer({ tokens: 60 }),
    text: FakeAnswer.answerTo(question, 60).split(" ").slice(0, cap).join(" "),
    reasoning: "",
    calls: [],
    output: cap
  },
  oddPieces: {
    script: answer({ text: '日本 🌊\u2028 "quoted"\n\ttabs and \\ slashes', chunkTokens: 2 }),
    text: '日本 🌊\u2028 "quoted"\n\ttabs and \\ slashes',
    reasoning: "",
    calls: [],
    output: 7
  }
} satisfies Record<string, Omit<Reading, "finish" | "input"> & { readonly script: Behaviour }>

export type Scene = keyof typeof scenes

export const finishes: Readonly<Record<Scene, string>> = {
  text: "stop",
  thinking: "stop",
  calls: "tool-calls",
  length: "length",
  oddPieces: "stop"
}

/** One model that does `script`, for one test; closed at its end. */
export const withFake = async (
  script: Behaviour,
  test: (fake: FakeProvider.Started) => Promise<void>,
  options: Partial<FakeProvider.Options> = {}
): Promise<void> => {
  await using fake = await FakeProvider.start({ models: { [model]: script }, ...options })
  await test(fake)
}

export const oursWhole = async (target: ProviderModel): Promise<Reading> =>
  read(await Effect.runPromise(generate(target, { prompt: question })))

export const oursStreamed = async (target: ProviderModel): Promise<Reading> =>
  read(await Effect.runPromise(collect(target, { prompt: question })))

const read = (parts: ReadonlyArray<Part | StreamPart>): Reading => {
  const finish = parts.find((part) => part.type === "finish")
  return {
    text: parts
      .map((part) => (part.type === "text" ? part.text : part.type === "text-delta" ? part.delta : ""))
      .join(""),
    reasoning: parts
      .map((part) => (part.type === "reasoning" ? part.text : part.type === "reasoning-delta" ? part.delta : ""))
      .join(""),
    calls: parts.flatMap((part) => (part.type === "tool-call" ? [{ name: part.name, params: part.params }] : [])),
    finish: finish?.reason,
    input: finish?.usage.inputTokens.total,
    output: finish?.usage.outputTokens.total
  }
}
