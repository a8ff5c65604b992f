/**
 * Weights 5/3/2, and the heaviest node dies: for 58 seconds of an hour it refuses everybody, or says nothing at all.
 *
 * Plain client: a weighted choice once per call, then the retries of an SDK against the node that was chosen, as with one base
 * URL per process or nginx's `split_clients`. Retries: openai-node, `src/client.ts`. Its time-out is nginx's
 * `proxy_read_timeout`, 60 s, which is also how long people wait here. A node with half of the weight that is away for 1.6 % of
 * the time costs such a client 0.8 % of its calls: the 99.2 % of the story.
 */
import { Contender, type Scenario } from "@spillway/core/testing"
import { WeightedLeastConnections } from "@spillway/strategies"
import { answered, at, chat, type Size, type Story, sdkRetry } from "./Story.ts"

const weights = { a: 5, b: 3, c: 2 } as const

const scenario = (how: "errors" | "silence", share: number): Scenario.Scenario => ({
  name: how === "errors" ? "5/3/2, a node refuses" : "5/3/2, a node says nothing",
  seed: 532,
  duration: 3_600_000 * share,
  traffic: [
    { name: "chat", arrivals: { kind: "poisson", perSecond: 10 }, deadline: "60 seconds", tokens: chat.tokens }
  ],
  providers: {
    a: {
      latency: chat.latency,
      events: [{ kind: "outage", from: 1_500_000 * share, lasting: 58_000 * share, how }]
    },
    b: { latency: chat.latency },
    c: { latency: chat.latency }
  }
})

const targets = (["a", "b", "c"] as const).map((id) => ({ id, weight: weights[id] }))

const plain = Contender.plain({
  name: "plain",
  targets,
  pick: "weighted",
  retry: { ...sdkRetry, repick: false },
  timeout: "60 seconds"
})

/** The seed's own rule for weights; everything else as it comes. */
const byDefault = Contender.router({
  name: "spillway, defaults",
  targets,
  strategy: WeightedLeastConnections.make()
})

/**
 * One option more: `attempt`, because the default of two minutes is longer than callers wait here. Fewer than one answer in
 * 10,000 takes 15 s.
 */
const withClock = Contender.router({
  name: "spillway, 15 s per attempt",
  targets,
  strategy: WeightedLeastConnections.make(),
  timeouts: { attempt: "15 seconds" }
})

/** Or no clock but a second copy of the slowest calls: after the 95th percentile, for at most 5 % of the calls. */
const hedging = Contender.router({
  name: "spillway, hedging",
  targets: targets.map((target) => ({ ...target, model: "small" })), // one population
  strategy: WeightedLeastConnections.make(),
  defaults: { hedge: {} }
})

export const nodeDies = ({ share = 1 }: Size = {}): Story => ({
  name: "node-dies",
  title: "Weights 5/3/2, and the node with half of the traffic dies for 58 s of an hour",
  runs: (["errors", "silence"] as const).map((how) => ({
    scenario: scenario(how, share),
    contenders: how === "errors" ? [plain, byDefault] : [plain, byDefault, withClock, hedging]
  })),
  goals: (results) => [
    answered("availability, it refuses (defaults)", at(results, 0, 0).overall, at(results, 0, 1).overall, 99.95),
    answered(
      "availability, it says nothing (defaults)",
      at(results, 1, 0).overall,
      at(results, 1, 1).overall,
      99.95,
      "a silent attempt is left after 2 minutes by default, and people here wait for one"
    ),
    answered(
      "availability, it says nothing (15 s per attempt)",
      at(results, 1, 0).overall,
      at(results, 1, 2).overall,
      99.95
    ),
    answered(
      "availability, it says nothing (hedging)",
      at(results, 1, 0).overall,
      at(results, 1, 3).overall,
      99.95,
      "who loses against a copy says nothing about its target, so the silent node is asked until the cap on copies is spent"
    )
  ]
})
