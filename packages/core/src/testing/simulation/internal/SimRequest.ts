/** A call as a router is told of it. A class, because there are millions and a copy by spread costs more than the rest of it. */
import type { Constraints } from "../../../model/Constraints.ts"
import type { Cost, Priority } from "../../../model/Cost.ts"
import type { Millis } from "../../../model/Gate.ts"
import type { RouteRequest } from "../../../model/RouteRequest.ts"
import type { SimCall } from "./SimCall.ts"

export class SimRequest implements RouteRequest {
  readonly "~@spillway/core/RouteRequest" = "~@spillway/core/RouteRequest"
  readonly priority: Priority
  readonly deadlineMs: Millis
  readonly tenant: string | undefined
  readonly affinityKey: string | undefined
  readonly cost: Cost
  readonly needs: Constraints | undefined
  readonly promptPrefix = undefined
  readonly idempotent: boolean
  readonly cacheKey: string | undefined
  readonly maxOutputTokens = undefined
  readonly tags: Readonly<Record<string, string>>
  readonly patient = true
  readonly rung = undefined
  /** A copy, as for a rung, has it too. */
  readonly simulated: SimCall

  /** `base` is what all calls of the class have in common. */
  constructor(base: RouteRequest, call: SimCall) {
    const { medianOutput, told } = call.traffic
    const outputTokens = told === "none" ? 0 : told === "exact" ? call.outputTokens : medianOutput
    this.priority = base.priority
    this.deadlineMs = base.deadlineMs
    this.tenant = call.tenant
    this.affinityKey = call.affinityKey
    this.cost = {
      requests: 1,
      tokens: (told === "none" ? 0 : call.inputTokens) + outputTokens,
      outputTokens,
      priority: base.priority,
      reason: "primary"
    }
    this.needs = base.needs
    this.idempotent = base.idempotent
    this.cacheKey = call.cacheKey
    this.tags = base.tags
    this.simulated = call
  }
}

/** The call that a request stands for. */
export const callOf = (request: RouteRequest): SimCall | undefined =>
  (request as Partial<SimRequest> & RouteRequest).simulated
