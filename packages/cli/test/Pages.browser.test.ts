import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { CapacityPlan, PlanPage, SimulationPage } from "@spillway/core/testing"
import type { Scenario } from "@spillway/core/testing/Scenario"
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { resultOf } from "../../core/test/testing/simulation/report/results.ts"
import { executable, launch } from "./support/browser.ts"

const long = `a name that goes on ${"and on ".repeat(12)}<b onclick="x()">`

const scenario: Scenario = {
  name: "s",
  duration: "10 minutes",
  traffic: [{ name: "chat", arrivals: { kind: "poisson", perSecond: 1 } }],
  providers: { large: { latency: { firstContent: 1 }, events: [{ kind: "outage", from: 240_000, lasting: 120_000 }] } }
}

const capacity = () => {
  const planner = CapacityPlan.make({
    limits: { targets: { large: { requestsPerMinute: 10, maxInFlight: 4 }, [long]: { tokensPerMinute: 900 } } }
  })
  for (let hour = 0; hour < 168; hour++) {
    for (let call = 0; call < 2 + (hour % 24) / 3; call++) {
      const attempt = { startedAt: 0, ms: 900, outcome: "won" as const, facts: { inputTokens: 90 }, costUsd: 0.01 }
      const at = Date.UTC(2026, 2, 2, hour) + call * 500
      planner.add({ at, outcome: "ok", attempts: [{ ...attempt, target: hour % 5 === 0 ? long : "large" }] })
    }
  }
  return planner.plan()
}

const pages: Readonly<Record<string, () => string>> = {
  one: () => SimulationPage.render([resultOf()], { scenario }),
  several: () =>
    SimulationPage.render(
      [
        resultOf(),
        resultOf({ contender: long, seed: 2 }),
        resultOf({ contender: "p2c again", seed: 3, targets: ["large", long] })
      ],
      { scenario }
    ),
  plan: () => PlanPage.render(capacity())
}

describe("pages in a real browser", () => {
  let browser: Browser
  let server: Server
  let origin: string
  const asked: Array<string> = []

  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.url ?? "")
      const make = pages[(request.url ?? "").slice(1)]
      response.writeHead(make === undefined ? 404 : 200, { "content-type": "text/html; charset=utf-8" })
      response.end(make?.())
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    browser = await launch()
  })
  afterAll(async () => {
    await browser?.close()
    await new Promise((resolve) => server.close(resolve))
  })

  const open = async (name: string, width: number) => {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: "light" })
    const said: Array<string> = []
    page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`))
    page.on("pageerror", (error) => said.push(error.message))
    page.on("requestfailed", (request) => said.push(`failed: ${request.url()}`))
    await page.goto(`${origin}/${name}`)
    return { page, said }
  }

  it("needs a browser, and says which to install where there is none", () => {
    const before = process.env["CHROMIUM_PATH"]
    process.env["CHROMIUM_PATH"] = "/nowhere/chromium"
    try {
      assert.throws(executable, /apt-get install chromium/)
    } finally {
      if (before === undefined) delete process.env["CHROMIUM_PATH"]
      else process.env["CHROMIUM_PATH"] = before
    }
  })

  for (const name of Object.keys(pages)) {
    for (const width of [400, 1280]) {
      it(`${name}: fits ${width} pixels, asks for nothing, complains about nothing`, async () => {
        asked.length = 0
        const { page, said } = await open(name, width)
        const measured = await page.evaluate(measure)
        await page.close()
        assert.deepStrictEqual(said, [])
        assert.deepStrictEqual(asked, [`/${name}`])
        assert.isAtMost(measured.pageWidth, width)
        assert.deepStrictEqual(measured.beyond, [])
        assert.deepStrictEqual(measured.emptyPlots, [])
        assert.deepStrictEqual(measured.outside, [])
        assert.deepStrictEqual(measured.overlapping, [])
        assert.isAtLeast(measured.plots, 3)
      })
    }
    it(`${name}: can be read, light and dark`, async () => {
      const { page } = await open(name, 1280)
      for (const scheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme: scheme })
        const { text, marks, background } = await page.evaluate(contrasts)
        const colours = await colourCount(browser, page)
        assert.strictEqual(background < 0.2, scheme === "dark")
        for (const { what, ratio } of text) assert.isAtLeast(ratio, 4.5, `${scheme}: text ${what}`)
        for (const { what, ratio } of marks) assert.isAtLeast(ratio, 3, `${scheme}: mark ${what}`)
        assert.isAtLeast(colours, 12, `${scheme}: a screenshot of one colour shows nothing`)
      }
      await page.close()
    })
  }

  it("opens the figures beside a plot from the keyboard", async () => {
    const { page } = await open("one", 1280)
    const details = page.locator("figure details").first()
    await details.locator("summary").focus()
    await page.keyboard.press("Enter")
    assert.isTrue(await details.evaluate((element: HTMLDetailsElement) => element.open))
    assert.isAtLeast(await details.locator("tbody tr").count(), 10)
    await page.close()
  })
})

/** Runs in the page. */
const measure = () => {
  const isShown = (box: DOMRect) => box.width > 0 && box.height > 0
  const nameOf = (element: Element) =>
    `${element.tagName}.${element.getAttribute("class")}: ${element.textContent?.slice(0, 40)}`
  const scrolls = (element: Element) => element.closest(".scroll") !== null
  const all = [...document.querySelectorAll("main *")].filter(
    (element) => !scrolls(element) && element.closest("svg") === null
  )
  const beyond = all.filter((element) => {
    const box = element.getBoundingClientRect()
    return isShown(box) && (box.left < -0.5 || box.right > document.documentElement.clientWidth + 0.5)
  })
  const plots = [...document.querySelectorAll("svg[role=img]")]
  const emptyPlots = plots.filter((plot) => {
    const box = plot.getBoundingClientRect()
    return box.width < 150 || box.height < 100
  })
  const outside = plots.flatMap((plot) => {
    const frame = plot.getBoundingClientRect()
    return [...plot.querySelectorAll("path,rect,circle")].filter((mark) => {
      const box = mark.getBoundingClientRect()
      const over = Math.max(
        frame.left - box.left,
        box.right - frame.right,
        frame.top - box.top,
        box.bottom - frame.bottom
      )
      return over > 1.5
    })
  })
  const overlapping = [...document.querySelectorAll(".x,.y")].flatMap((axis) => {
    const boxes = [...axis.querySelectorAll(".tick")].map((tick) => tick.getBoundingClientRect())
    return boxes.flatMap((a, i) =>
      boxes
        .slice(i + 1)
        .filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
        .map(() => axis.textContent)
    )
  })
  return {
    pageWidth: document.documentElement.scrollWidth,
    plots: plots.length,
    beyond: beyond.map(nameOf),
    emptyPlots: emptyPlots.map(nameOf),
    outside: outside.map(nameOf),
    overlapping
  }
}

/** Runs in the page. Ratios as WCAG 2.2 has them. */
const contrasts = () => {
  const luminance = (colour: string) => {
    const [r = 0, g = 0, b = 0] = (colour.match(/[\d.]+/g) ?? []).slice(0, 3).map((part) => {
      const share = Number(part) / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const ratio = (a: string, b: string) => {
    const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x)
    return (light + 0.05) / (dark + 0.05)
  }
  const behind = (element: Element): string => {
    const colour = getComputedStyle(element).backgroundColor
    if (colour !== "rgba(0, 0, 0, 0)") return colour
    return element.parentElement === null ? "rgb(255, 255, 255)" : behind(element.parentElement)
  }
  const what = (element: Element) => `${element.tagName}.${element.getAttribute("class")}`
  const once = (list: ReadonlyArray<Element>) => [
    ...new Map(list.map((element) => [`${what(element)} in ${element.parentElement?.className}`, element])).values()
  ]
  const text = once(
    [...document.querySelectorAll("h1,h2,p,b,span,li,th,td,small,summary,figcaption")].filter((element) =>
      element.checkVisibility()
    )
  ).map((element) => ({
    what: what(element),
    ratio: ratio(getComputedStyle(element).color, behind(element))
  }))
  const marks = once([...document.querySelectorAll(".line,.bar,.area,.over")]).map((element) => {
    const { stroke, fill } = getComputedStyle(element)
    const card = element.closest(".plot")
    return {
      what: what(element),
      ratio: ratio(element.matches(".line") ? stroke : fill, behind(card ?? document.body))
    }
  })
  return { text, marks, background: luminance(behind(document.body)) }
}

/** How many colours a picture of the page has: counted by the browser, which made it. */
const colourCount = async (browser: Browser, page: Page): Promise<number> => {
  const picture = (await page.screenshot()).toString("base64")
  const looker = await browser.newPage()
  const colours = await looker.evaluate(async (data) => {
    const image = new Image()
    image.src = `data:image/png;base64,${data}`
    await image.decode()
    const canvas = document.createElement("canvas")
    canvas.width = image.width
    canvas.height = image.height
    const context = canvas.getContext("2d")
    context?.drawImage(image, 0, 0)
    const pixels = new Uint32Array(
      context?.getImageData(0, 0, image.width, image.height).data.buffer ?? new ArrayBuffer(0)
    )
    return new Set(pixels).size
  }, picture)
  await looker.close()
  return colours
}
