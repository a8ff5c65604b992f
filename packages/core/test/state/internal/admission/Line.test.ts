import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { Line, Links } from "../../../../src/state/internal/admission/Line.ts"

class Person {
  readonly links = new Links<Person>()
}

class PersonLine extends Line<Person> {
  protected override linksOf(person: Person): Links<Person> {
    return person.links
  }
}

const inOrder = (line: PersonLine) => {
  const people: Array<Person> = []
  for (let person = line.oldest; person !== undefined; person = person.links.younger) people.push(person)
  return people
}

const backwards = (line: PersonLine) => {
  const people: Array<Person> = []
  for (let person = line.youngest; person !== undefined; person = person.links.older) people.push(person)
  return people
}

describe("Line", () => {
  it("keeps the order of arrival in both directions, whoever leaves, and those who left hold on to nobody", () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(12), { freq: 2 }), { maxLength: 60, size: "max" }), (commands) => {
        const line = new PersonLine()
        let model: ReadonlyArray<Person> = []
        for (const which of commands) {
          if (which === null) {
            const person = new Person()
            line.add(person)
            model = [...model, person]
          } else {
            const person = model[which]
            if (person === undefined) continue
            line.remove(person)
            model = model.filter((other) => other !== person)
            assert.isUndefined(person.links.older)
            assert.isUndefined(person.links.younger)
          }
          assert.isTrue(same(inOrder(line), model))
          assert.isTrue(same(backwards(line), [...model].reverse()))
        }
      }),
      { numRuns: 1000 }
    )
  })
})

/** By identity: links make people too entangled to be compared deeply. */
const same = (a: ReadonlyArray<Person>, b: ReadonlyArray<Person>) =>
  a.length === b.length && a.every((person, i) => person === b[i])
