/** Pins what inference gives a caller who writes targets down: literal ids, the union of the clients. Never run. */
import * as Target from "@spillway/core/Target"
import { expectTypeOf } from "vitest"

const specs = [
  { id: "main", client: "a string", weight: 5 },
  { id: "backup", client: 42, region: "eu" }
] as const satisfies ReadonlyArray<Target.TargetSpec>

expectTypeOf<Target.IdOf<typeof specs>>().toEqualTypeOf<"main" | "backup">()
expectTypeOf<Target.ClientOf<typeof specs>>().toEqualTypeOf<"a string" | 42>()

// Without `as const` the ids stay literal where they are an argument.
const resolved = Target.resolve("Router", [{ id: "main", client: { model: "m" } }], [["main"]])
expectTypeOf(resolved).toEqualTypeOf<ReadonlyArray<Target.Target<"main", { model: string }>>>()

// A target is read-only, and so is the list it comes in.
// @ts-expect-error
resolved[0].weight = 2
// @ts-expect-error
resolved.push(resolved[0])

// What is known of one target is known of the wider type, and not the other way round.
expectTypeOf<Target.Target<"main", string>>().toExtend<Target.Target>()
expectTypeOf<Target.Target>().not.toExtend<Target.Target<"main", string>>()

// @ts-expect-error A target has a client.
export const withoutClient: Target.TargetSpec<"main", string> = { id: "main" }
// @ts-expect-error An id that is not this target's.
export const otherId: Target.TargetSpec<"main", string> = { id: "other", client: "" }
// @ts-expect-error Not a capability.
export const capability: Target.Capability = "telepathy"
