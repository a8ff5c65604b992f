/**
 * Faults over real sockets in five dialects: whoever fails, and however it says so, a vendor of another dialect answers.
 * Each scenario runs with every dialect as the primary, against servers with a key of their own; see `support/Cases.ts`.
 */
import { describe } from "@effect/vitest"
import { beforeContent } from "./support/beforeContent.ts"
import { behindContent } from "./support/behindContent.ts"
import { refusals } from "./support/refusals.ts"
import { soak } from "./support/soak.ts"
import { turns } from "./support/turns.ts"

describe("before any content", beforeContent)
describe("behind the first content", behindContent)
describe("what is the caller's own, and what it costs", refusals)
describe("tools and thinking", turns)
describe("five dialects in one pool", soak)
