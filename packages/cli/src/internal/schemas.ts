/** The shape of a scenario file. Ranges are checked by the simulator itself, so that files and programs are told the same. */
import * as Schema from "effect/Schema"

const maybe = Schema.optionalKey
const { Boolean, Finite, String } = Schema
type DurationText = `${number} ${string}`
const isDurationText = (value: unknown): value is DurationText =>
  typeof value === "string" && /^\d+(\.\d+)? (milli|second|minute|hour|day|week)s?$/.test(value)
const expected = 'a duration, such as "30 seconds", or milliseconds'
const Duration = Schema.Union([Finite, Schema.declare(isDurationText, { expected })]).annotate({ expected })
const Pair = <S extends Schema.Top>(schema: S) => Schema.Tuple([schema, schema])
const Tags = Schema.Record(String, String)
/** Handed on as it is: the router checks it. */
const Anything = Schema.Record(String, Schema.Unknown)

const Distribution = Schema.Union([
  Finite,
  Schema.Struct({ kind: Schema.Literal("uniform"), from: Finite, to: Finite }),
  Schema.Struct({ kind: Schema.Literal("exponential"), mean: Finite }),
  Schema.Struct({ kind: Schema.Literal("lognormal"), median: Finite, p95: Finite }),
  Schema.Struct({ kind: Schema.Literal("lognormal"), median: Finite, sigma: Finite }),
  Schema.Struct({ kind: Schema.Literal("quantiles"), points: Schema.Array(Pair(Finite)) })
])

const kinds = <const Kind extends string>(kind: Kind) => ({ kind: Schema.Literal(kind) })

const Arrivals = Schema.Union([
  Schema.Struct({ ...kinds("poisson"), perSecond: Finite }),
  Schema.Struct({ ...kinds("constant"), perSecond: Finite }),
  Schema.Struct({
    ...kinds("bursts"),
    perSecond: Finite,
    burstPerSecond: Finite,
    every: Duration,
    lasting: Duration,
    from: maybe(Duration)
  }),
  Schema.Struct({
    ...kinds("diurnal"),
    perSecond: Finite,
    peakToMean: Finite,
    peakHour: Finite,
    weekendFactor: maybe(Finite)
  }),
  Schema.Struct({ ...kinds("times"), at: Schema.Array(Finite) }),
  Schema.Struct({ ...kinds("rates"), every: Duration, perSecond: Schema.Array(Finite) }),
  Schema.Struct({ ...kinds("callers"), count: Finite, think: maybe(Distribution), rampUp: maybe(Duration) })
])

const Zipf = Schema.Struct({ count: Finite, exponent: maybe(Finite) })

const TrafficClass = Schema.Struct({
  name: String,
  arrivals: Arrivals,
  priority: maybe(Schema.Literals(["P0", "P1", "P2", "P3"])),
  deadline: maybe(Duration),
  streamed: maybe(Schema.Union([Boolean, Finite])),
  tokens: maybe(
    Schema.Struct({
      input: Distribution,
      output: Distribution,
      told: maybe(Schema.Literals(["typical", "exact", "none"]))
    })
  ),
  tenants: maybe(Schema.Union([Finite, Schema.Record(String, Finite)])),
  region: maybe(String),
  cacheKeys: maybe(Zipf),
  affinityKeys: maybe(Zipf),
  tags: maybe(Tags),
  needs: maybe(Anything),
  idempotent: maybe(Boolean)
})

const Capacity = Schema.Struct({
  concurrency: maybe(Finite),
  whenFull: maybe(Schema.Literals(["reject", "queue"])),
  maxQueued: maybe(Finite),
  retryAfter: maybe(Duration),
  requestsPerMinute: maybe(Finite),
  tokensPerMinute: maybe(Finite),
  saysWhen: maybe(Boolean),
  rejectionsCount: maybe(Boolean)
})

const during = { from: Duration, lasting: Duration }
const SlowStart = Schema.Struct({ lasting: Duration, factor: Finite })
const failing = {
  how: maybe(Schema.Literals(["errors", "silence"])),
  status: maybe(Finite),
  after: maybe(Distribution),
  underWay: maybe(Schema.Literals(["lost", "goOn"])),
  slowStart: maybe(SlowStart)
}

const ProviderEvent = Schema.Union([
  Schema.Struct({ ...kinds("outage"), ...during, ...failing }),
  Schema.Struct({ ...kinds("flap"), ...during, down: Duration, up: Duration, ...failing }),
  Schema.Struct({
    ...kinds("brownOut"),
    ...during,
    latencyFactor: maybe(Finite),
    errorRate: maybe(Finite),
    status: maybe(Finite),
    after: maybe(Distribution)
  }),
  Schema.Struct({ ...kinds("capacity"), from: Duration, lasting: maybe(Duration), factor: Finite })
])

const Provider = Schema.Struct({
  latency: Schema.Struct({ firstContent: Distribution, perToken: maybe(Distribution), perInputToken: maybe(Finite) }),
  capacity: maybe(Capacity),
  account: maybe(String),
  region: maybe(String),
  errors: maybe(
    Schema.Array(
      Schema.Struct({ rate: Finite, status: Finite, after: maybe(Distribution), retryAfter: maybe(Duration) })
    )
  ),
  silent: maybe(Finite),
  events: maybe(Schema.Array(ProviderEvent))
})

export const scenarioFields = {
  name: String,
  seed: maybe(Finite),
  duration: Duration,
  warmup: maybe(Duration),
  drain: maybe(Duration),
  startsAt: maybe(String),
  traffic: Schema.Array(TrafficClass),
  providers: Schema.Record(String, Provider),
  accounts: maybe(Schema.Record(String, Capacity)),
  network: maybe(Schema.Array(Schema.Struct({ between: Pair(String), oneWay: Finite, jitter: maybe(Finite) })))
}

const rates = { cacheRead: maybe(Finite), cacheWrite: maybe(Finite), reasoning: maybe(Finite) }

const Price = Schema.Struct({
  input: Finite,
  output: Finite,
  ...rates,
  rules: maybe(
    Schema.Array(
      Schema.Struct({
        input: maybe(Finite),
        output: maybe(Finite),
        ...rates,
        hours: maybe(Schema.Array(Schema.Struct({ days: maybe(Schema.Array(Finite)), from: Finite, to: Finite }))),
        inputAbove: maybe(Finite)
      })
    )
  ),
  asOf: maybe(String)
})

const Limits = Schema.Struct({
  maxInFlight: maybe(Finite),
  requestsPerMinute: maybe(Finite),
  burst: maybe(Finite),
  requestsPerDay: maybe(Finite),
  tokensPerMinute: maybe(Finite),
  tokensPerDay: maybe(Finite),
  inputTokensPerMinute: maybe(Finite),
  outputTokensPerMinute: maybe(Finite),
  usdPerDay: maybe(Finite),
  usdPerMonth: maybe(Finite)
})

const capabilities = ["tools", "vision", "json-schema", "prefill", "reasoning", "embeddings", "streaming"] as const

const Target = Schema.Struct({
  id: String,
  provider: maybe(String),
  weight: maybe(Finite),
  model: maybe(String),
  region: maybe(String),
  tags: maybe(Tags),
  capabilities: maybe(Schema.Array(Schema.Literals(capabilities))),
  contextWindow: maybe(Finite),
  price: maybe(Price),
  limits: maybe(Limits),
  account: maybe(String)
})

const Strategy = Schema.Union([String, Schema.Struct({ name: String, options: maybe(Anything) })])

const Router = Schema.Struct({
  kind: maybe(Schema.Literal("router")),
  name: maybe(String),
  strategy: Strategy,
  targets: maybe(Schema.Array(Target)),
  tiers: maybe(Schema.Array(Schema.Array(String))),
  timeouts: maybe(Anything),
  defaults: maybe(Anything),
  instances: maybe(Finite),
  perRegion: maybe(Boolean),
  onBreak: maybe(Schema.Literals(["fail", "restart"]))
})

const Plain = Schema.Struct({
  kind: Schema.Literal("plain"),
  name: maybe(String),
  targets: maybe(Schema.Array(Target)),
  pick: maybe(Schema.Literals(["first", "weighted", "roundRobin"])),
  retry: maybe(
    Schema.Struct({
      retries: maybe(Finite),
      base: maybe(Duration),
      factor: maybe(Finite),
      longest: maybe(Duration),
      jitter: maybe(Finite),
      retryAfter: maybe(Boolean),
      repick: maybe(Boolean)
    })
  ),
  timeout: maybe(Duration),
  keepsDeadline: maybe(Boolean)
})

export const ScenarioFile = Schema.Struct({
  $schema: maybe(String),
  ...scenarioFields,
  /** Of contenders that name none. Default: each provider, under its own name. */
  targets: maybe(Schema.Array(Target)),
  contenders: Schema.NonEmptyArray(Schema.Union([Plain, Router]))
})
export type ScenarioFile = typeof ScenarioFile.Type
