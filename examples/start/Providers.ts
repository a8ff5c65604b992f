/** The trouble that the main job routes around: four real HTTP servers on loopback, each with its own way to misbehave. */
import { OpenAiCompatible } from "@spillway/providers"
import { Behaviour, FakeProvider, Latency, RetryAfter } from "@spillway/providers/testing"
import { Effect } from "effect"

const answer = Behaviour.answer({
  latency: Latency.logNormal("25 millis", 0.4),
  firstToken: "8 millis",
  perToken: "1 millis",
  tokens: 24,
  chunkTokens: 2
})

// Answers 429 with Retry-After in bursts.
const north = Behaviour.bursts({
  every: 150,
  of: 10,
  fault: Behaviour.rateLimited({ retryAfter: RetryAfter.milliseconds(400) }),
  otherwise: answer
})

// Cuts streams in the middle, and hangs at times: before the first word, or after some.
const east = Behaviour.choose((request, _n, rng) => {
  const luck = rng()
  if (luck < 0.02) return Behaviour.silent
  if (luck < 0.1) return request.streamed ? Behaviour.cutAfter(6, answer) : Behaviour.resetBeforeHeaders
  if (luck < 0.12) return Behaviour.stallAfter(5, answer)
  return answer
})

// Goes down for a while and comes back.
const south = Behaviour.outages([{ from: "1500 millis", to: "3500 millis" }], Behaviour.status(503), answer)

const server = Effect.fnUntraced(function* (id: string, behaviour: Behaviour.Behaviour) {
  const fake = yield* FakeProvider.make({ models: { [id]: behaviour }, seed: 7 })
  return yield* OpenAiCompatible.make({ model: id, baseUrl: fake.url })
})

/** One server and one model each, closed with the scope. */
export const start = Effect.all({
  north: server("north", north),
  east: server("east", east),
  south: server("south", south),
  reserve: server("reserve", answer)
})
