/** What a law throws when its subject does not keep it. */
export class LawBroken extends Error {
  override readonly name = "LawBroken"
  /** The sentence that does not hold. */
  readonly law: string

  constructor(subject: string, law: string, detail: string) {
    super(`${subject}: "${law}" does not hold: ${detail}`)
    this.law = law
  }
}
