/** A raw client: what the socket gave, without a codec that could hide something. */
import * as http from "node:http"
import { FakeProvider } from "@spillway/providers/testing"
import { Effect } from "effect"

export interface Received {
  readonly status: number | undefined
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
  /** As they came from the socket. */
  readonly pieces: ReadonlyArray<Buffer>
  /** Code of the error that ended the exchange before its proper end. */
  readonly error: string | undefined
}

export interface Sent {
  readonly done: Promise<Received>
  /** Resolves with the text so far at each piece of the body. */
  readonly untilBody: (condition: (text: string) => boolean) => Promise<string>
  readonly abort: () => void
}

interface SendOptions {
  readonly headers?: Record<string, string>
  readonly agent?: http.Agent
}

/** Sends to a path below the base URL of OpenAI's dialects. */
export const send = (
  fake: FakeProvider.FakeProvider,
  method: string,
  path: string,
  body?: string,
  options?: SendOptions
): Sent => sendTo(fake.url + path, method, body, options)

export const sendTo = (url: string, method: string, body?: string, options: SendOptions = {}): Sent => {
  const pieces: Array<Buffer> = []
  const looks = new Set<() => void>()
  const text = () => Buffer.concat(pieces).toString()
  const request = http.request(url, {
    method,
    agent: options.agent ?? false,
    headers: { "content-type": "application/json", ...options.headers }
  })
  const done = new Promise<Received>((resolve) => {
    let response: http.IncomingMessage | undefined
    const finish = (error?: NodeJS.ErrnoException) =>
      resolve({
        status: response?.statusCode,
        headers: response?.headers ?? {},
        body: text(),
        pieces,
        error: error?.code
      })
    request.on("error", finish)
    request.on("response", (incoming) => {
      response = incoming
      incoming.on("data", (piece: Buffer) => {
        pieces.push(piece)
        for (const look of looks) look()
      })
      incoming.on("error", finish)
      incoming.on("end", () => finish())
    })
  })
  request.end(body)
  return {
    done,
    untilBody: (condition) =>
      new Promise((resolve) => {
        const look = () => {
          if (condition(text())) resolve(text())
        }
        looks.add(look)
        look()
      }),
    abort: () => request.destroy()
  }
}

export interface Ask {
  readonly model?: string
  readonly question?: string
  readonly stream?: boolean
  readonly headers?: Record<string, string>
  readonly agent?: http.Agent
  readonly [field: string]: unknown
}

/** Sends a chat request; `model` defaults to `m`, `question` to `Q`. */
export const begin = (fake: FakeProvider.FakeProvider, ask: Ask = {}): Sent => {
  const { model = "m", question = "Q", headers, agent, ...fields } = ask
  const body = JSON.stringify({ model, messages: [{ role: "user", content: question }], ...fields })
  return send(fake, "POST", "/chat/completions", body, {
    ...(headers === undefined ? {} : { headers }),
    ...(agent === undefined ? {} : { agent })
  })
}

export const chat = (fake: FakeProvider.FakeProvider, ask?: Ask) => begin(fake, ask).done

/** Status of `n` requests, one after the other. */
export const statuses = async (fake: FakeProvider.FakeProvider, n: number, ask?: Ask) => {
  const seen: Array<number | undefined> = []
  for (let i = 0; i < n; i++) seen.push((await chat(fake, ask)).status)
  return seen
}

/** The data of each event that is whole. */
export const dataOf = (body: string): ReadonlyArray<string> =>
  body
    .split("\n\n")
    .slice(0, -1)
    .filter((event) => event.startsWith("data: "))
    .map((event) => event.slice(6))

/** The `choices[0]` of each chunk. */
export const choicesOf = (body: string): ReadonlyArray<Choice> =>
  dataOf(body)
    .filter((data) => data !== "[DONE]")
    .flatMap((data) => (JSON.parse(data) as { choices: ReadonlyArray<Choice> }).choices)

export interface Choice {
  readonly delta: {
    readonly role?: string
    readonly content?: string
    readonly reasoning_content?: string
    readonly tool_calls?: ReadonlyArray<{ readonly function: { readonly arguments: string } }>
  }
  readonly finish_reason: string | null
}

export const contentOf = (body: string): string =>
  choicesOf(body)
    .map((choice) => choice.delta.content ?? "")
    .join("")

/** A fake for one test, closed with its scope. */
export const withFake = (
  models: FakeProvider.Options["models"],
  test: (fake: FakeProvider.FakeProvider) => Promise<void>,
  options: Omit<FakeProvider.Options, "models"> = {}
) =>
  Effect.gen(function* () {
    const fake = yield* FakeProvider.make({ models, ...options })
    yield* Effect.promise(() => test(fake))
  })

export const idle = (fake: FakeProvider.FakeProvider) => Effect.runPromise(fake.idle)
export const until = (fake: FakeProvider.FakeProvider, condition: () => boolean) =>
  Effect.runPromise(fake.until(condition))
