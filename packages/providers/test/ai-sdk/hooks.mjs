// For a Node that runs TypeScript itself: our own addresses lead to the sources, as in vitest.config.ts.
import { readFileSync } from "node:fs"
import { registerHooks } from "node:module"

const root = new URL("../../../../", import.meta.url)

registerHooks({
  resolve: (specifier, context, next) => {
    const [, name, rest] = /^@spillway\/([^/]+)(.*)$/.exec(specifier) ?? []
    if (name === undefined) return next(specifier, context)
    const { exports } = JSON.parse(readFileSync(new URL(`packages/${name}/package.json`, root), "utf8"))
    const file = exports[`.${rest}`].import.replace("./dist/", "").replace(/\.js$/, ".ts")
    return { url: new URL(`packages/${name}/src/${file}`, root).href, shortCircuit: true }
  }
})
