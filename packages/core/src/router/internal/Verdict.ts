/** What the loop makes of an error, whatever the application's classifier does. */
import { AttemptTimeout, type Classification, type Classifier, Truncated } from "../../model/Classifier.ts"
import { ignored } from "../../model/Outcome.ts"

/** Made by the router itself: not in the caller's error type, so it only leaves inside a `RouteError`. */
export const isOurs = (error: unknown): boolean => error instanceof AttemptTimeout || error instanceof Truncated

/** A bug, ours or the application's: it says nothing about a target and is not hidden by another attempt. */
export const defect: Classification = { outcome: ignored, errorType: "Defect", sameTarget: false, otherTarget: false }

/** A classifier that throws, or answers with something else, counts as "says nothing"; the call's own error goes on. */
export const of = (classify: Classifier, error: unknown): Classification => {
  try {
    const answer = classify(error)
    return typeof answer.errorType === "string" && typeof answer.outcome._tag === "string" ? answer : nothing
  } catch {
    return nothing
  }
}

const nothing: Classification = { ...defect, errorType: "_OTHER" }
