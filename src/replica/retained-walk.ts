import type { ApplicationMessage } from "../mqtt/message.ts";
import { FilterSteps } from "./filter-steps.ts";
import type { SortedTopics } from "./sorted-topics.ts";

/** Calls back for a message unless it is gone or has expired; what `visit` answers. */
export type TopicVisitor = (
  topic: string,
  nowMs: number,
  visit: (message: ApplicationMessage) => unknown,
) => unknown;

/**
 * A walk over the retained messages that match a filter, in pieces. What changes between two of them is seen as it is then: it keeps no
 * message, only the topic where it goes on.
 */
export class RetainedWalk {
  readonly #topics: SortedTopics;
  readonly #steps: FilterSteps;
  readonly #show: TopicVisitor;
  #next: string | null;

  constructor(topics: SortedTopics, filter: string, show: TopicVisitor) {
    this.#topics = topics;
    this.#steps = new FilterSteps(filter);
    this.#show = show;
    this.#next = this.#steps.first;
  }

  get isAtEnd(): boolean {
    return this.#next === null;
  }

  advance(
    nowMs: number,
    stepsMax: number,
    visit: (message: ApplicationMessage) => unknown,
  ): number {
    if (this.#next === null) return 0;
    const { next, steps } = this.#topics.walk(this.#steps, this.#next, stepsMax, (topic) =>
      this.#show(topic, nowMs, visit),
    );
    this.#next = next;
    return steps;
  }
}
