/** An HTTP server that answers as Consul's health API is documented to, blocking queries included, and misbehaves on demand. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"
import type * as ConsulSource from "../../src/sources/ConsulSource.ts"

const describeInstance = ({ address, id, port }: ConsulSource.ConsulInstance) => ({ id, client: `${address}:${port}` })

/** Of the service that this server has. */
export const options = (more: Partial<ConsulSource.Options<string>> = {}): ConsulSource.Options<string> => ({
  service: "llm",
  describe: describeInstance,
  ...more
})

/** The sample of the documentation ("List Service Instances for Service"), with the fields that its schema has. */
export const instance = (id: string, more: { status?: string; weights?: object; address?: string } = {}) => ({
  Node: {
    ID: "40e4a748-2192-161a-0510-9bf59fe950b5",
    Node: "foobar",
    Address: "10.1.10.12",
    Datacenter: "dc1",
    TaggedAddresses: { lan: "10.1.10.12", wan: "10.1.10.12" },
    Meta: { instance_type: "t2.medium" }
  },
  Service: {
    ID: id,
    Service: "llm",
    Tags: ["primary"],
    Address: more.address ?? "",
    TaggedAddresses: { lan: { address: "10.1.10.12", port: 8000 } },
    Meta: { model: "llama" },
    Port: 8000,
    Weights: more.weights ?? { Passing: 10, Warning: 1 },
    Namespace: "default"
  },
  Checks: [
    {
      Node: "foobar",
      CheckID: "serfHealth",
      Name: "Serf Health Status",
      Status: "passing",
      Output: "",
      Namespace: "default"
    },
    { Node: "foobar", CheckID: `service:${id}`, Name: "Service check", Status: more.status ?? "passing", Output: "" }
  ]
})

type Handler = (request: IncomingMessage, response: ServerResponse) => void

export const make = Effect.gen(function* () {
  let index = 0
  let body: unknown = []
  const held = new Set<ServerResponse>()
  const misbehaviours: Array<Handler> = []
  const asked: Array<{ readonly path: string; readonly params: URLSearchParams; readonly token: string | undefined }> =
    []

  const answer = (response: ServerResponse) => {
    held.delete(response)
    response.setHeader("content-type", "application/json")
    response.setHeader("x-consul-index", `${index}`)
    response.end(JSON.stringify(body))
  }
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://consul")
    const token = request.headers["x-consul-token"]
    asked.push({ path: url.pathname, params: url.searchParams, token: typeof token === "string" ? token : undefined })
    const misbehave = misbehaviours.shift()
    if (misbehave !== undefined) return misbehave(request, response)
    if (Number(url.searchParams.get("index") ?? 0) < index) return answer(response)
    held.add(response)
    response.on("close", () => held.delete(response))
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    /** A new state of the service: whoever waits is answered. */
    set: (instances: unknown, at = index + 1) => {
      index = at
      body = instances
      for (const response of [...held]) answer(response)
    },
    /** For the next question. */
    misbehave: (handler: Handler) => void misbehaviours.push(handler),
    /** Cuts the connections of those who wait. */
    cut: () => {
      for (const response of held) response.destroy()
    },
    /** How many questions are held open. */
    waiting: () => held.size
  }
})
