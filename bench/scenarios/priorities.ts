/**
 * Everything is urgent to somebody: twice the capacity for half a minute, every ten minutes.
 *
 * Plain client: sends all it has; the provider works on 20 at a time and lets the rest wait, first come first served, as vLLM
 * and other servers with a waiting queue do. Nobody leaves before the time-out of openai-node, 10 minutes; an answer to a P0 call
 * is late after 20 s. The length of the bursts was chosen so that such a client is on time with some nine in ten P0 calls, as the
 * story says, before Spillway was run.
 *
 * The second run is nothing but overload: two minutes at twice the capacity.
 */
import { AdmissionQueue } from "@spillway/core"
import { Contender, type Scenario } from "@spillway/core/testing"
import { PowerOfTwo } from "@spillway/strategies"
import { at, changed, chat, classOf, mean, onTime, percent, type Size, type Story, seconds } from "./Story.ts"

const places = 20
/** Mean length of an answer is about 2.18 s: what 20 places take per second. */
const capacity = places / 2.18

const classes = [
  { name: "P0", share: 0.2, deadline: "20 seconds" },
  { name: "P1", share: 0.3, deadline: "1 minute" },
  { name: "P2", share: 0.3, deadline: "5 minutes" },
  { name: "P3", share: 0.2, deadline: "10 minutes" }
] as const

const scenario = (
  name: string,
  duration: number,
  arrivals: (share: number) => Scenario.Arrivals
): Scenario.Scenario => ({
  name,
  seed: 20,
  duration,
  traffic: classes.map(({ deadline, name, share }) => ({
    name,
    priority: name,
    deadline,
    arrivals: arrivals(share * capacity),
    tokens: chat.tokens
  })),
  providers: { provider: { latency: chat.latency, capacity: { concurrency: places, whenFull: "queue" } } }
})

const bursts = (share: number) =>
  scenario("bursts at twice the capacity", 3_600_000 * share, (rate) => ({
    kind: "bursts",
    perSecond: 0.65 * rate,
    burstPerSecond: 2 * rate,
    every: "10 minutes",
    lasting: "30 seconds",
    from: "2 minutes"
  }))

const overload = (share: number) =>
  scenario("nothing but overload", 120_000 * Math.max(0.5, share), (rate) => ({ kind: "poisson", perSecond: 2 * rate }))

const plain = Contender.plain({
  name: "plain",
  targets: [{ id: "provider" }],
  retry: { retries: 0 },
  timeout: "10 minutes",
  keepsDeadline: false
})

const targets = [{ id: "provider", limits: { maxInFlight: places } }]

/** Each class waits as long as it has time. */
const patience = { P0: "18 seconds", P1: "55 seconds", P2: "5 minutes", P3: "10 minutes" } as const
const maxWait = (priority: keyof typeof patience) => patience[priority]

/**
 * `maxInFlight` is the server's own number, so that callers wait where there are classes; `maxWait`, because the default of a
 * second turns batch work away; `order`, because the default lets those who have waited overtake P0; `attempt`, as plain.
 */
const ours = Contender.router({
  name: "spillway, strict",
  targets,
  strategy: PowerOfTwo.make(),
  timeouts: { attempt: "10 minutes" },
  defaults: { admission: { maxWait, order: AdmissionQueue.strict } }
})

/** The same in the default order, earliest due time first. */
const dueTimes = Contender.router({
  name: "spillway, due times",
  targets,
  strategy: PowerOfTwo.make(),
  timeouts: { attempt: "10 minutes" },
  defaults: { admission: { maxWait } }
})

/** Nothing but the limit. */
const byDefault = Contender.router({ name: "spillway, defaults", targets, strategy: PowerOfTwo.make() })

export const priorities = ({ share = 1 }: Size = {}): Story => ({
  name: "priorities",
  title: "People and batch work share one provider, which gets twice what it can do",
  runs: [
    { scenario: bursts(share), contenders: [plain, ours, dueTimes, byDefault] },
    { scenario: overload(share), contenders: [plain, ours, dueTimes, byDefault] }
  ],
  goals: (results) => {
    const p0 = (run: number, contender: number) => classOf(at(results, run, contender), "P0")
    const contenders = [
      [1, "strict order"],
      [3, "defaults"]
    ] as const
    return contenders.flatMap(([i, name]) => [
      changed(`P0 response time under overload, mean (${name})`, mean(p0(1, 0)), mean(p0(1, i)), {
        to: "less",
        atLeast: 70,
        show: seconds
      }),
      {
        what: `P0 on time, with bursts (${name})`,
        plain: percent(onTime(p0(0, 0))),
        spillway: percent(onTime(p0(0, i))),
        reached: onTime(p0(0, i)),
        target: { atLeast: 98 },
        show: percent
      }
    ])
  },
  notes: (results) => {
    const told = (run: number, i: number, name: string) => {
      const shares = classes.map((one) => `${one.name} ${percent(onTime(classOf(at(results, run, i), one.name)))}`)
      return `On time ${run === 0 ? "with bursts" : "under overload"}, ${name}: ${shares.join(", ")}.`
    }
    return [0, 1].flatMap((run) =>
      ["plain", "strict order", "default order", "defaults"].map((name, i) => told(run, i, name))
    )
  }
})
