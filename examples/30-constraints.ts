// Which targets may never see this call, and why was one of them left out?
//
// Four targets, of which the first keeps failing. Constraints of a call hold for every attempt of it: for failovers, hedges and
// backups too. `explain` says beforehand what would happen, without changing anything.
import { createRouter } from "@spillway/core"
import * as DecisionTable from "@spillway/core/DecisionTable"
import { PowerOfTwo } from "@spillway/strategies"

const router = createRouter({
  strategy: PowerOfTwo.make(),
  targets: [
    { id: "paris", client: "a", region: "eu", zeroRetention: true, price: { input: 3, output: 15 } },
    { id: "dublin", client: "b", region: "eu", price: { input: 1, output: 5 } },
    { id: "oregon", client: "c", region: "us", zeroRetention: true, price: { input: 1, output: 4 } },
    { id: "spare", client: "d", region: "eu", zeroRetention: true, price: { input: 1, output: 6 }, tags: { team: "x" } }
  ],
  tiers: [["paris", "dublin", "oregon"], ["spare"]]
})

const asked: Array<string> = []
const call = async ({ target }: { readonly target: { readonly id: string } }) => {
  asked.push(target.id)
  if (target.id === "paris") throw new Error("out of order")
  return `answered by ${target.id}`
}

// #region needs
// Residency and zero retention: paris may, and when it fails, spare; dublin and oregon never.
const needs = { regions: ["eu"], zeroRetention: true }
console.log(await router.route(call, { needs }), "after", asked.join(", "))
// #endregion

// #region explain
const decision = router.explain({ needs: { ...needs, maxPrice: { output: 10 } } })
console.log(DecisionTable.format(decision))
// #endregion

// #region more
// The one target that holds a stored response; a list of who may; a list of who may not; what the call may cost.
const pinned = router.explain({ needs: { pinnedTo: "oregon" } })
const team = router.explain({ needs: { only: { tags: { team: ["x", "y"] } } } })
const notThese = router.explain({ needs: { except: { targets: ["paris", "oregon"] } } })
const cheap = router.explain({ needs: { maxCostUsd: 0.01 }, estimatedTokens: { input: 4000, output: 1000 } })
// #endregion
for (const { candidates } of [pinned, team, notThese, cheap]) {
  console.log(candidates.map(({ excluded, target }) => `${target} ${excluded ?? "may"}`).join(", "))
}

// A constraint that nobody meets is an error at once, and says of each target why.
const refused = await router
  .route(call, { needs: { regions: ["eu"], maxPrice: { output: 1 } } })
  .catch((error: Error) => error)
console.log(refused instanceof Error ? refused.message : refused)
await router.close()

// Expect:
//   answered by spare after paris, spare
//   takes spare of tier 1
//   Price: 15 USD per million output tokens, at most 10
//   Retention: no promise to keep nothing
//   Region: us, not one of eu
//   paris Pinned, dublin Pinned, oregon may, spare Pinned
//   paris NotAllowed, dublin NotAllowed, oregon NotAllowed, spare may
//   paris NotAllowed, dublin may, oregon NotAllowed, spare may
//   paris Price, dublin may, oregon may, spare may
//   No target can take the call: paris Price, dublin Price, oregon Region, spare Price
