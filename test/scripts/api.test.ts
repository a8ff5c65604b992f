import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { inTree, runScript, type Tree, write } from "./support.ts"

const exports = {
  ".": { types: "./dist/index.d.ts" },
  "./Gate": { types: "./dist/Gate.d.ts" },
  "./package.json": "./p"
}

// In one piece it would be taken for the source map of this file.
const sourceMap = (path: string) => ["//# sourceMappingURL", path].join("=")

const tree: Tree = {
  "packages/core/package.json": JSON.stringify({ name: "@spillway/core", exports }),
  "packages/core/dist/index.d.ts": 'export * as Gate from "./Gate.ts";\n',
  "packages/core/dist/Gate.d.ts": `/** About gates. */
import type { Other } from "./Other.ts";
/** Second, /* and "quoted" */
export declare const open: (name: "a // b") => Other;
declare const Gate_base: new () => { readonly limit: number };
export declare class Gate extends Gate_base {
    #private;
    private count;
    /** Takes one. */
    admit(now: number): void; // trailing
}
export declare function call(a: string): string;
export declare function call(a: number): number;
export {};
${sourceMap("Gate.d.ts.map")}
`
}

const surface = `# The public surface of @spillway/core. Written by \`npm run api\`.

## @spillway/core

export * as Gate from "./Gate.ts";

## @spillway/core/Gate

export declare class Gate extends Gate_base {
    admit(now: number): void;
}
declare const Gate_base: new () => { readonly limit: number };
export declare function call(a: string): string;
export declare function call(a: number): number;
export declare const open: (name: "a // b") => Other;
`

const api = (folder: string, ...args: ReadonlyArray<string>) => runScript("api", ["--in", folder, ...args])

describe("api", () => {
  it("writes one section per address, by name, without comments, imports and private members", () =>
    inTree(tree, (folder) => {
      assert.strictEqual(api(folder).status, 0)
      assert.strictEqual(readFileSync(join(folder, "api/core.txt"), "utf8"), surface)
      assert.strictEqual(api(folder, "--check").status, 0)
    }))

  it("fails on an export that came, went or changed, shows it and says how to announce it", () =>
    inTree({ ...tree, "api/core.txt": surface }, (folder) => {
      write(folder, { "packages/core/dist/index.d.ts": 'export * as Door from "./Gate.ts";\n' })
      const { status, stdout } = api(folder, "--check")
      assert.strictEqual(status, 1)
      assert.include(stdout, '-export * as Gate from "./Gate.ts";\n+export * as Door from "./Gate.ts";\n')
      assert.include(stdout, "npm run api")
      assert.include(stdout, "changeset")
      assert.strictEqual(readFileSync(join(folder, "api/core.txt"), "utf8"), surface)
    }))

  it("does not notice a change that is only a comment or an order", () =>
    inTree({ ...tree, "api/core.txt": surface }, (folder) => {
      const [first, ...rest] = (tree["packages/core/dist/Gate.d.ts"] ?? "").split(/(?=^export declare function)/m)
      assert.strictEqual(rest.length, 2)
      write(folder, { "packages/core/dist/Gate.d.ts": `// moved\n${rest.join("").replace("export {};", "")}${first}` })
      assert.strictEqual(api(folder, "--check").status, 0)
    }))

  it("fails when an address has not been built", () =>
    inTree(tree, (folder) => {
      write(folder, { "packages/core/package.json": JSON.stringify({ exports: { ".": { types: "./dist/no.d.ts" } } }) })
      const { status, stderr } = api(folder, "--check")
      assert.strictEqual(status, 1)
      assert.include(stderr, "npx tsc -b")
    }))
})
