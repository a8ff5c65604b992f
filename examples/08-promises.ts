// How do I route calls in code without Effect?
//
// `createRouter` gives Promises and async iterables. A target's `client` is whatever a call needs: an SDK object, or a URL
// as here. What an error says about its target is the application's to tell, in `classify`.
import { Classifier, createRouter, Outcome, type Router } from "@spillway/core"
import { Behaviour, FakeProvider, RetryAfter } from "@spillway/providers/testing"
import { WeightedLeastConnections } from "@spillway/strategies"

// `first` answers once and is busy then; `second` answers three times, refuses a request, and falls silent.
const [answer, busy] = [Behaviour.answer(), Behaviour.rateLimited({ retryAfter: RetryAfter.seconds(30) })]
const first = await FakeProvider.start({ models: { chat: Behaviour.sequence([answer, busy]) } })
const later = [answer, answer, answer, Behaviour.status(400), Behaviour.silent]
const second = await FakeProvider.start({ models: { chat: Behaviour.sequence(later) } })

const classify = (error: unknown): Classifier.Classification => {
  const response = error instanceof Error ? error.cause : undefined
  // No answer at all, a 500, …: the target's failure, and the next one is asked.
  if (!(response instanceof Response) || response.status >= 500) return Classifier.classify(error)
  // Busy: no failure. The target is left alone for as long as it says.
  if (response.status === 429) {
    const outcome = Outcome.rateLimited(Number(response.headers.get("retry-after") ?? 1) * 1000)
    return { outcome, errorType: "RateLimited", sameTarget: true, otherTarget: true }
  }
  // Our own mistake: it says nothing about the target, and no other one would like it better.
  return { outcome: Outcome.ignored, errorType: "InvalidRequest", sameTarget: false, otherTarget: false }
}

// #region route
const router = createRouter({
  targets: [
    { id: "first", client: first.url },
    { id: "second", client: second.url }
  ],
  strategy: WeightedLeastConnections.make({ randomStart: false }),
  classify
})
const post = async ({ client, signal }: Router.Attempt<string, string>, stream: boolean) => {
  const body = JSON.stringify({ model: "chat", stream, messages: [{ role: "user", content: "Name a river." }] })
  const response = await fetch(`${client}/chat/completions`, { method: "POST", body, signal })
  if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`, { cause: response })
  return response.body
}
const ask = (options?: { readonly signal: AbortSignal }) =>
  router.route(async (attempt) => {
    await new Response(await post(attempt, false)).json()
    return `answered by ${attempt.target.id}`
  }, options)
// #endregion

console.log(await ask())
console.log(await ask())
console.log(await ask()) // `first` is busy: `second` is asked, and `first` is left alone
for (const { id, state } of router.status().targets) console.log(`${id} is ${state}`)

const parts = router.stream(async function* (attempt) {
  yield* await post(attempt, true)
})
let bytes = 0
for await (const part of parts) bytes += part.length
console.log(bytes > 1000 ? "streamed" : "cut short")

console.log(await ask().catch(String))
console.log(await ask({ signal: AbortSignal.timeout(200) }).catch(String))
await router.close()
await Promise.all([first.close(), second.close()])

// Expect:
//   answered by first
//   answered by second
//   answered by second
//   first is CoolingDown
//   second is up
//   streamed
//   Error: HTTP 400
//   TimeoutError: The operation was aborted due to timeout
