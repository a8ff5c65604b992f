/**
 * What a small client of a dialect is, so that one test can run through all of them: how to ask, and what an answer says,
 * in neutral words. `events` are the raw events of a stream: JSON, each with its name where the framing has one.
 */
import type { FakeProvider } from "@spillway/providers/testing"
import { type Received, type Sent, sendTo } from "../client.ts"

// biome-ignore lint/suspicious/noExplicitAny: answers of five dialects, looked into by the tests only
export type Foreign = any

export interface Question {
  readonly model?: string
  readonly question?: string
  readonly stream?: boolean
  readonly maxTokens?: number
  /** Begins the assistant's answer. */
  readonly prefill?: string
  /** Fields of the body, in the dialect's own words. */
  readonly fields?: object
  readonly headers?: Record<string, string>
}

export interface Said {
  readonly text: string
  readonly reasoning: string
  readonly signatures: ReadonlyArray<string>
  readonly calls: ReadonlyArray<{ readonly name: string; readonly args: unknown }>
  readonly finish: string | undefined
  readonly usage: { readonly input?: number; readonly output?: number; readonly reasoning?: number }
}

export interface Event {
  readonly name: string | undefined
  readonly data: Foreign
}

export interface Client {
  readonly name: "chat" | "responses" | "messages" | "gemini" | "converse"
  readonly url: (fake: FakeProvider.FakeProvider, model: string, stream: boolean) => string
  readonly key: (key: string) => Record<string, string>
  readonly headers: Record<string, string>
  readonly body: (ask: Required<Pick<Question, "model" | "question" | "stream">> & Question) => object
  readonly events: (reply: Pick<Received, "body" | "pieces">) => ReadonlyArray<Event>
  readonly whole: (answer: Foreign) => Said
  readonly streamed: (events: ReadonlyArray<Event>) => Said
  /** Status of a request without a key. */
  readonly denied: number
  /** What a stream that queues begins with; `""` for a dialect without signs of life. */
  readonly sign: string
  /** The dialect's words: a stop, a call, a cut by the cap, the policy (of the answer, of the prompt). */
  readonly words: readonly [stop: string, call: string, cap: string, policy: string, prompt: string | undefined]
}

/** `model` defaults to `m`, `question` to `Q`. */
export const beginIn = (client: Client, fake: FakeProvider.FakeProvider, ask: Question = {}): Sent => {
  const { model = "m", question = "Q", stream = false, headers, fields } = ask
  const body = { ...client.body({ ...ask, model, question, stream }), ...fields }
  return sendTo(client.url(fake, model, stream), "POST", JSON.stringify(body), {
    headers: { ...client.headers, ...headers }
  })
}

export const askIn = (client: Client, fake: FakeProvider.FakeProvider, ask?: Question) =>
  beginIn(client, fake, ask).done

export const saidIn = async (client: Client, fake: FakeProvider.FakeProvider, ask: Question = {}): Promise<Said> => {
  const reply = await askIn(client, fake, ask)
  return ask.stream === true ? client.streamed(client.events(reply)) : client.whole(JSON.parse(reply.body))
}

export const sse = ({ body }: Pick<Received, "body">): ReadonlyArray<Event> =>
  body
    .split(/\r?\n\r?\n/)
    .slice(0, -1)
    .filter((event) => /^data: \{/m.test(event))
    .map((event) => ({
      name: /^event: (.*?)\r?$/m.exec(event)?.[1],
      data: JSON.parse(/^data: (.*?)\r?$/m.exec(event)?.[1] ?? "")
    }))

export const roles = (ask: Question, assistant = "assistant") => [
  { role: "user", text: ask.question ?? "" },
  ...(ask.prefill === undefined ? [] : [{ role: assistant, text: ask.prefill }])
]

export const joined = (list: ReadonlyArray<Foreign>, pick: (each: Foreign) => unknown) =>
  list.map((each) => pick(each) ?? "").join("")

export const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
