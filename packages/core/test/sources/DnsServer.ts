/** A DNS server on loopback UDP with as much of RFC 1035 as a resolver needs: it answers A, AAAA and SRV from a table. */
import { createSocket, type Socket } from "node:dgram"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"

export type Record =
  | { readonly type: "A"; readonly address: string; readonly ttl: number }
  | { readonly type: "AAAA"; readonly address: string; readonly ttl: number }
  | {
      readonly type: "SRV"
      readonly ttl: number
      readonly priority: number
      readonly weight: number
      readonly port: number
      readonly host: string
    }

export interface Zone {
  /** By name; a name that is missing does not exist. */
  readonly records: Map<string, ReadonlyArray<Record>>
  /** Answers nothing at all. */
  silent: boolean
  /** The response code of every answer, e.g. 2 for SERVFAIL. */
  rcode: number | undefined
  asked: number
}

const numbers = { A: 1, AAAA: 28, SRV: 33 } as const

export const make = Effect.gen(function* () {
  const zone: Zone = { records: new Map(), silent: false, rcode: undefined, asked: 0 }
  const socket = yield* Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const opened = createSocket("udp4")
      opened.bind(0, "127.0.0.1", () => resume(Effect.succeed(opened)))
    }),
    (opened) => Effect.callback<void>((resume) => void opened.close(() => resume(Effect.void)))
  )
  socket.on("message", (query, from) => {
    zone.asked++
    if (!zone.silent) socket.send(answer(zone, query), from.port, from.address)
  })
  const { port } = socket.address() as AddressInfo
  return { zone, address: `127.0.0.1:${port}` }
})

const answer = (zone: Zone, query: Buffer): Buffer => {
  const labels: Array<string> = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length))
    at += length + 1
  }
  const type = query.readUInt16BE(at + 1)
  const known = zone.records.get(labels.join(".").toLowerCase())
  const found = (known ?? []).filter((record) => numbers[record.type] === type)
  const header = Buffer.alloc(12)
  query.copy(header, 0, 0, 2)
  header.writeUInt16BE(0x8180 | (zone.rcode ?? (known === undefined ? 3 : 0)), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(zone.rcode === undefined ? found.length : 0, 6)
  return Buffer.concat([header, query.subarray(12, at + 5), ...(zone.rcode === undefined ? found.map(encode) : [])])
}

const encode = (record: Record): Buffer => {
  const data = dataOf(record)
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc00c, 0) // the name of the question
  head.writeUInt16BE(numbers[record.type], 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(record.ttl, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

const dataOf = (record: Record): Buffer => {
  if (record.type === "A") return Buffer.from(record.address.split(".").map(Number))
  if (record.type === "AAAA") {
    const [head = "", tail = ""] = record.address.split("::")
    const [left, right] = [head, tail].map((part) => part.split(":").filter((group) => group !== ""))
    const zeros = Array.from({ length: 8 - (left?.length ?? 0) - (right?.length ?? 0) }, () => "0")
    const groups = [...(left ?? []), ...zeros, ...(right ?? [])].map((group) => Number.parseInt(group, 16))
    return Buffer.from(groups.flatMap((group) => [group >> 8, group & 255]))
  }
  const fixed = Buffer.alloc(6)
  fixed.writeUInt16BE(record.priority, 0)
  fixed.writeUInt16BE(record.weight, 2)
  fixed.writeUInt16BE(record.port, 4)
  const labels = record.host.split(".").filter((label) => label !== "")
  return Buffer.concat([
    fixed,
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0])
  ])
}
