/** A server on loopback that writes down what it is asked and answers nobody: two clients, the same intent, one look. */
import { type Received, reply, type Server, serve } from "../../support/Server.ts"

/** Every client gives up on a 400 at once. */
export const recorder = serve(reply(400, { error: { message: "Only writing down" } }))

/** What `send` asked `server`, which must be one request. */
export const sentBy = async (server: Server, send: () => Promise<unknown>): Promise<Received> => {
  const before = server.received.length
  await send().catch(() => undefined)
  const [one, ...more] = server.received.slice(before)
  if (one === undefined || more.length > 0)
    throw new Error(`${server.received.length - before} requests instead of one`)
  return one
}

/** Both ways to say one thing at one place of the request; `undefined` where it is not said. */
export interface Difference {
  readonly ours: unknown
  readonly sdk: unknown
}

/** Who the client is and how it holds its connection; everything else has to be the same or be accounted for. */
const aside =
  /^(host|connection|content-length|accept.*|user-agent|x-stainless-.*|x-goog-api-client|sec-fetch-mode|traceparent|b3)$/

/** By place: `method`, `path`, `query.alt`, `header.x-api-key`, `body.messages.0.content`. */
export const differences = (ours: Received, sdk: Received): Record<string, Difference> => {
  const found: Record<string, Difference> = {}
  compare("", pictureOf(ours), pictureOf(sdk), found)
  return found
}

const pictureOf = ({ body, headers, method, url }: Received) => {
  const { pathname, searchParams } = new URL(url, "http://localhost")
  return {
    method,
    path: decodeURIComponent(pathname),
    query: Object.fromEntries(searchParams),
    header: Object.fromEntries(Object.entries(headers).filter(([name]) => !aside.test(name))),
    body
  }
}

const compare = (at: string, ours: unknown, sdk: unknown, found: Record<string, Difference>): void => {
  if (Object.is(ours, sdk)) return
  if (!isTree(ours) || !isTree(sdk) || Array.isArray(ours) !== Array.isArray(sdk)) {
    found[at] = { ours, sdk }
    return
  }
  for (const name of new Set([...Object.keys(ours), ...Object.keys(sdk)])) {
    compare(at === "" ? name : `${at}.${name}`, ours[name], sdk[name], found)
  }
}

const isTree = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null
