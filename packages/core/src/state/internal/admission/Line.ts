/**
 * People in a line: the oldest stands in front, newcomers join at the end, anybody may leave from where they stand. All
 * O(1), because everybody holds their own links.
 */

/** A place in one kind of line. Held by the one who stands there. */
export class Links<T> {
  older: T | undefined = undefined
  younger: T | undefined = undefined
}

export abstract class Line<T> {
  oldest: T | undefined = undefined
  youngest: T | undefined = undefined

  /** Which of its links hold an item in this line. A method, so that a line of some callers is a line of callers. */
  protected abstract linksOf(item: T): Links<T>

  /** At the end. The item must not stand in this line. */
  add(item: T): void {
    const last = this.youngest
    this.linksOf(item).older = last
    if (last === undefined) this.oldest = item
    else this.linksOf(last).younger = item
    this.youngest = item
  }

  /** The item must stand in this line. */
  remove(item: T): void {
    const links = this.linksOf(item)
    const { older, younger } = links
    if (older === undefined) this.oldest = younger
    else this.linksOf(older).younger = younger
    if (younger === undefined) this.youngest = older
    else this.linksOf(younger).older = older
    links.older = links.younger = undefined
  }
}
