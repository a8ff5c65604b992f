/** The running scripts: one per model, each with its own count and chance, all under the account's limit. */
import { answer } from "./Answers.ts"
import { generator, hash } from "./Chance.ts"
import { rateLimited } from "./Faults.ts"
import { type Behaviour, type FakeRequest, type React, type Reaction, starter, type Turn } from "./Reaction.ts"

interface Running {
  readonly react: React
  served: number
}

export class Scripts {
  readonly #seed: number
  readonly #limit: number
  readonly #models = new Map<string, Running>()
  readonly #refuse = starter()(rateLimited())
  #health: React = starter()(answer())
  #running = 0

  constructor(seed: number, accountConcurrency: number) {
    this.#seed = seed
    this.#limit = accountConcurrency
  }

  /** From now on `model` does this; the script begins anew, requests in flight go on as they began. */
  set(model: string, behaviour: Behaviour): void {
    this.#models.set(model, { react: starter()(behaviour), served: 0 })
  }

  /** From now on the server's health is this; no limit of the account holds for it. */
  setHealth(behaviour: Behaviour): void {
    this.#health = starter()(behaviour)
  }

  health(request: FakeRequest, whenDone: Turn["whenDone"]): Reaction {
    return this.#health(request, { rng: generator(hash(`${this.#seed}//health/${request.index}`)), whenDone })
  }

  has(model: string): boolean {
    return this.#models.has(model)
  }

  get models(): ReadonlyArray<string> {
    return [...this.#models.keys()]
  }

  /** What to do with `request`; `undefined` when there is no such model. Takes a slot of the account until it is over. */
  react(request: FakeRequest, whenDone: Turn["whenDone"]): Reaction | undefined {
    const script = this.#models.get(request.model)
    if (script === undefined) return undefined
    const rng = generator(hash(`${this.#seed}/${request.model}/${script.served++}`))
    if (this.#running >= this.#limit) return this.#refuse(request, { rng, whenDone })
    this.#running++
    whenDone(() => {
      this.#running--
    })
    return script.react(request, { rng, whenDone })
  }
}
