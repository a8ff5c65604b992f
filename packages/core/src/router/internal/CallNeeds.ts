/**
 * What a call needs by what is in it: an image in the prompt is for targets with the capability `vision`, tools for those
 * with `tools`. Counts only where some targets of the router claim the capability and others do not: where nobody claims it,
 * nobody is known not to have it. What the application said it needs stays; this is added.
 */
import type * as Prompt from "effect/ai/Prompt"
import type { ModelOptions } from "../../model/ProviderModel.ts"
import type * as RouteRequest from "../../model/RouteRequest.ts"
import type { Capability, Target } from "../../model/Target.ts"

/** The request, with what the call needs beside what it says. */
export type CallNeeds = (request: RouteRequest.Options, call: ModelOptions) => RouteRequest.Options

export const make = (router: { readonly targets: () => ReadonlyArray<Pick<Target, "capabilities">> }): CallNeeds => {
  let targets = router.targets()
  const found = new Map<Capability, boolean>()
  /** Looked up once per set: what a target claims changes with it only. */
  const tellsApart = (capability: Capability): boolean => {
    const now = router.targets()
    if (now !== targets) found.clear()
    targets = now
    const known = found.get(capability)
    if (known !== undefined) return known
    const claims = targets.filter(({ capabilities }) => capabilities.has(capability)).length
    const answer = claims > 0 && claims < targets.length
    found.set(capability, answer)
    return answer
  }
  return (request, call) => {
    let needed: Array<Capability> | undefined
    const said = request.needs?.capabilities
    const need = (capability: Capability) => {
      if (said?.includes(capability) === true || !tellsApart(capability)) return
      if (needed === undefined) needed = [capability]
      else needed.push(capability)
    }
    if (call.tools.length > 0 && call.toolChoice !== "none") need("tools")
    if (hasImage(call.prompt)) need("vision")
    return needed === undefined
      ? request
      : { ...request, needs: { ...request.needs, capabilities: [...(said ?? []), ...needed] } }
  }
}

const hasImage = ({ content }: Prompt.Prompt): boolean => content.some(showsImage)

const showsImage = (message: Prompt.Message): boolean => {
  if (message.role === "system" || message.role === "tool") return false
  for (const part of message.content) if (part.type === "file" && /^image\//i.test(part.mediaType)) return true
  return false
}
