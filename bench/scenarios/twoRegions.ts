/**
 * Callers in Virginia and in Singapore, and one region that answers all of them, until it is away.
 *
 * Plain client: everybody asks the one central region, with openai-node's retries. Singapore is 110 ms one way from Virginia (a
 * round trip of some 220 ms, as cloud vendors' latency tables have it). In half an hour each region is away for a minute: the
 * central one refuses, the other one says nothing.
 *
 * The first run is about short calls, embeddings or moderation of some 60 ms: there the way is most of the time. The second is
 * about streamed chat answers and their first content, of which the way is the smaller part.
 */
import { Contender, type Scenario } from "@spillway/core/testing"
import { NearestRegion } from "@spillway/strategies"
import { answered, at, changed, chat, classOf, mean, type Size, type Story, sdkRetry, seconds } from "./Story.ts"

const minute = 60_000

const scenario = (
  name: string,
  share: number,
  latency: Scenario.Latency,
  traffic: Pick<Scenario.TrafficClass, "deadline" | "streamed" | "tokens">
): Scenario.Scenario => ({
  name,
  seed: 110,
  duration: 30 * minute * share,
  traffic: (["virginia", "singapore"] as const).map((region) => ({
    name: region,
    region,
    arrivals: { kind: "poisson", perSecond: 10 },
    ...traffic
  })),
  providers: {
    central: {
      latency,
      region: "virginia",
      events: [{ kind: "outage", from: 10 * minute * share, lasting: minute * share }]
    },
    asia: {
      latency,
      region: "singapore",
      events: [{ kind: "outage", from: 20 * minute * share, lasting: minute * share, how: "silence" }]
    }
  },
  network: [{ between: ["virginia", "singapore"], oneWay: 110, jitter: 10 }]
})

const short: Scenario.Latency = { firstContent: { kind: "lognormal", median: 60, p95: 120 } }

const plain = Contender.plain({ name: "plain, one region", targets: [{ id: "central" }], retry: sdkRetry })

/**
 * `order`: who stands in a region knows its neighbours, and need not measure them with a part of the calls.
 * `onBreak`: a chat shows an answer anew rather than half of one; it means nothing for calls that are not streamed.
 * `timeouts`: the clocks of a minute and more are for long answers; a region that is silent has to be left sooner.
 */
const ours = (timeouts: Contender.RouterOptions["timeouts"]) =>
  Contender.router({
    name: "spillway, nearest first",
    targets: [{ id: "central" }, { id: "asia" }],
    strategy: ({ region }) =>
      NearestRegion.make({ order: region === "singapore" ? ["singapore", "virginia"] : ["virginia", "singapore"] }),
    perRegion: true,
    onBreak: "restart",
    ...(timeouts === undefined ? {} : { timeouts })
  })

export const twoRegions = ({ share = 1 }: Size = {}): Story => ({
  name: "two-regions",
  title: "People in Singapore wait for Virginia, and nobody is answered when Virginia is away",
  runs: [
    {
      scenario: scenario("two regions, short calls", share, short, { deadline: "5 seconds" }),
      contenders: [plain, ours({ attempt: "1 second" })]
    },
    {
      scenario: scenario("two regions, streamed answers", share, chat.latency, {
        deadline: "60 seconds",
        streamed: true,
        tokens: chat.tokens
      }),
      contenders: [plain, ours({ firstContent: "5 seconds" })]
    }
  ],
  goals: (results) => {
    const far = (run: number, contender: number) => classOf(at(results, run, contender), "singapore")
    const first = (contender: number) => far(1, contender).firstContent.mean ?? Number.NaN
    return [
      changed("far users' response time, short calls, mean", mean(far(0, 0)), mean(far(0, 1)), {
        to: "less",
        atLeast: 200 / 3,
        show: seconds
      }),
      answered("availability, short calls", at(results, 0, 0).overall, at(results, 0, 1).overall, 99.99),
      changed("far users' first content, streamed answers, mean", first(0), first(1), {
        to: "less",
        atLeast: 200 / 3,
        show: seconds,
        ifMissed: "the model takes longer to begin than the way there and back, and no choice of region changes that"
      }),
      answered(
        "availability, streamed answers",
        at(results, 1, 0).overall,
        at(results, 1, 1).overall,
        99.99,
        "a stream that falls silent in its middle is left after the idle clock of a minute, which is the deadline"
      )
    ]
  }
})
