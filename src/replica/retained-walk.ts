import { FilterSteps } from "./filter-steps.ts";
import type { SortedTopics } from "./sorted-topics.ts";

/** `isChanged`: it was written after the walk began. */
export type WalkVisitor<T> = (found: T, isChanged: boolean) => unknown;

/** Calls back for a topic unless its message is gone or has expired; what `visit` answers. */
export type TopicVisitor<T> = (topic: string, nowMs: number, visit: WalkVisitor<T>) => unknown;

/**
 * A walk over the retained messages that match a filter, in pieces. What changes between two of them is seen as it is then: it keeps no
 * message, only the topic where it goes on.
 */
export class RetainedWalk<T> {
  readonly #topics: SortedTopics;
  readonly #steps: FilterSteps;
  readonly #show: TopicVisitor<T>;
  readonly #isPaused: () => boolean;
  #next: string | null;

  constructor(
    topics: SortedTopics,
    filter: string,
    show: TopicVisitor<T>,
    isPaused: () => boolean,
  ) {
    this.#topics = topics;
    this.#steps = new FilterSteps(filter);
    this.#show = show;
    this.#isPaused = isPaused;
    this.#next = this.#steps.first;
  }

  get isAtEnd(): boolean {
    return this.#next === null;
  }

  /** The topics are not all there now: it does not go on. */
  get isPaused(): boolean {
    return this.#isPaused();
  }

  advance(nowMs: number, stepsMax: number, visit: WalkVisitor<T>): number {
    if (this.#next === null || this.isPaused) return 0;
    const { next, steps } = this.#topics.walk(this.#steps, this.#next, stepsMax, (topic) =>
      this.#show(topic, nowMs, visit),
    );
    this.#next = next;
    return steps;
  }
}
