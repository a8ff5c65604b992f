// Which of the targets that may take a call gets it, and how are strategies put together?
//
// Five targets in two regions, one of them cheap, one new. The same 2,000 calls go through several strategies; the client is
// only a name here, so what differs is the choice.
import { createRouter, type Strategy } from "@spillway/core"
import {
  Affinity,
  byTag,
  Canary,
  Cheapest,
  EdfWeightedRoundRobin,
  mix,
  NearestRegion,
  orElse,
  PowerOfTwo,
  rank,
  WeightedRandom,
  where
} from "@spillway/strategies"

const eu = { region: "eu", price: { input: 2, output: 8 } }
const us = { region: "us", price: { input: 1.5, output: 6 } }
const targets = [
  { id: "paris", client: 0, weight: 5, ...eu },
  { id: "dublin", client: 0, weight: 3, ...eu },
  { id: "oregon", client: 0, weight: 2, ...us },
  { id: "texas", client: 0, weight: 2, ...us, price: { input: 0.5, output: 2 } },
  { id: "next", client: 0, weight: 1, ...us, tags: { model: "next" } }
] as const
type Id = (typeof targets)[number]["id"]

const shares = async (name: string, strategy: Strategy.Strategy<Id>) => {
  const router = createRouter({ targets, strategy })
  const counts = new Map<string, number>()
  for (let n = 0; n < 2000; n++) {
    const kind = n % 4 === 0 ? "batch" : "chat"
    const about = { affinityKey: `user ${n % 50}`, tags: { kind } }
    const served = await router.route(async ({ target }) => target.id, about)
    counts.set(served, (counts.get(served) ?? 0) + 1)
  }
  const parts = targets.map(({ id }) => `${id} ${Math.round((counts.get(id) ?? 0) / 20)} %`)
  console.log(`${name.padEnd(12)}${parts.join("  ")}`)
  await router.close()
}

// By weight, exactly or by chance.
await shares("turns", EdfWeightedRoundRobin.make())
await shares("chance", WeightedRandom.make())

// #region compose
// The calls of one user to one target; 5 % of the users to the new model, always the same ones.
const variants = { next: { share: 0.05, targets: ["next"] } } as const
await shares("users", Canary.make({ name: "next model", variants, within: Affinity.make() }))

// The nearest region first; batch jobs go where it is cheap.
const near = NearestRegion.make({ order: ["eu", "us"], within: EdfWeightedRoundRobin.make() })
await shares("by kind", byTag("kind", { batch: Cheapest.make() }, near))

// Own cluster first, others when nobody there may be picked; a tenth of the calls picks by price and headroom together.
const own = orElse(where({ targets: ["paris", "dublin"] }, PowerOfTwo.make()), PowerOfTwo.make())
const weighed = rank([
  { of: ({ target }) => target.price?.output },
  { of: (one, now) => 1 - (one.headroom(now) ?? 1), weight: 2 }
])
const parts = [
  { share: 9, strategy: own },
  { share: 1, strategy: weighed }
]
await shares("mixed", mix(parts))
// #endregion

// A name that no target has does not compile:
//   createRouter({ targets, strategy: where({ targets: ["pariss"] }, PowerOfTwo.make()) })

// Expect:
//   /turns       paris 3[89] %  dublin 23 %  oregon 15 %  texas 15 %  next 8 %/
//   /chance      paris (3[3-9]|4[0-4]) %/
//   /users .* next \d+ %/
//   /by kind     paris 4[678] %  dublin 2[789] %  oregon 0 %  texas 25 %  next 0 %/
//   /mixed       paris \d+ %/
