/**
 * When requests of one dispatcher start: at once, but not in the turn in which another's last byte came.
 *
 * undici gives a socket back a turn after the last byte. A caller that goes on at once, as a loop does, would find none free
 * and open another: twice the sockets. Those calls wait for the turn's end; all others do not wait.
 */

export interface Starts {
  /** Now, or when the sockets of this turn's answers are free again. */
  readonly start: (start: () => void) => void
  /** An answer's last byte has come. To be called from undici's own callback, before anyone is told. */
  readonly ended: () => void
}

export const make = (): Starts => {
  /** The calls since the last answer's end, while its socket is not free. */
  let waiting: Array<() => void> | undefined
  return {
    start: (start) => (waiting === undefined ? start() : void waiting.push(start)),
    ended: () => {
      const batch: Array<() => void> = []
      waiting = batch
      const open = () => {
        if (waiting === batch) waiting = undefined
        for (const start of batch) start()
      }
      // undici asks for its own turn when its callback has returned: from a microtask, ours comes after it.
      queueMicrotask(() => setImmediate(open))
    }
  }
}
