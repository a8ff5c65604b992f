/**
 * The scheduler of simulated fibers: tasks wait in one queue until the simulation drains it, in the order they came; of those
 * that wait, the lower priority number goes first. It never asks the event loop for a turn.
 */
import type * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"

type Task = () => void

export class ReadyQueue implements Scheduler.Scheduler, Scheduler.SchedulerDispatcher {
  readonly executionMode = "async"
  /** By priority, ascending: mostly there is one. */
  #queues: Array<{ readonly priority: number; tasks: Array<Task> }> = []
  #waiting = 0

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this
  }

  scheduleTask(task: Task, priority: number): void {
    this.#waiting++
    let index = 0
    for (; index < this.#queues.length; index++) {
      const queue = this.#queues[index]
      if (queue === undefined || queue.priority > priority) break
      if (queue.priority === priority) {
        queue.tasks.push(task)
        return
      }
    }
    this.#queues.splice(index, 0, { priority, tasks: [task] })
  }

  /** Runs what waits, and what that adds. */
  flush(): void {
    while (this.#waiting > 0) {
      for (const queue of this.#queues) {
        const { tasks } = queue
        if (tasks.length === 0) continue
        queue.tasks = []
        this.#waiting -= tasks.length
        for (const task of tasks) task()
      }
    }
  }
}
