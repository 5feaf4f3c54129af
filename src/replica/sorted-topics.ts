import type { FilterSteps } from "./filter-steps.ts";

/** Beyond so many a block becomes two. */
const blockTopicsMax = 256;

/** Topics in order of their UTF-16 units, in blocks, so that one more or one less moves few others. */
export class SortedTopics {
  /** None is empty. */
  #blocks: string[][] = [];

  get blockCount(): number {
    return this.#blocks.length;
  }

  /** It must not be among them. */
  add(topic: string): void {
    const place = Math.max(0, this.#blockOf(topic));
    const block = this.#blocks[place];
    if (block === undefined) {
      this.#blocks.push([topic]);
      return;
    }
    block.splice(firstFrom(block, topic), 0, topic);
    if (block.length > blockTopicsMax) {
      this.#blocks.splice(place + 1, 0, block.splice(block.length >> 1));
    }
  }

  /** It must be among them. */
  delete(topic: string): void {
    const place = this.#blockOf(topic);
    const block = this.#blocks[place]!;
    block.splice(firstFrom(block, topic), 1);
    const next = this.#blocks[place + 1];
    if (block.length === 0) {
      this.#blocks.splice(place, 1);
    } else if (next !== undefined && block.length + next.length <= blockTopicsMax / 2) {
      block.push(...next);
      this.#blocks.splice(place + 1, 1);
    }
  }

  clear(): void {
    this.#blocks = [];
  }

  /**
   * Looks at no more than `stepsMax` topics, beginning with the first that is not before `from`, and visits those that match until
   * `visit`, which must not change the topics, answers false: that one is met again. Answers from where to go on, null at the end, and how
   * many it looked at.
   */
  walk(
    filter: FilterSteps,
    from: string,
    stepsMax: number,
    visit: (topic: string) => unknown,
  ): { readonly next: string | null; readonly steps: number } {
    let steps = 0;
    let place = Math.max(0, this.#blockOf(from));
    let at = firstFrom(this.#blocks[place] ?? [], from);
    for (;;) {
      const block = this.#blocks[place];
      if (block === undefined) return { next: null, steps };
      const topic = block[at];
      if (topic === undefined) {
        place++;
        at = 0;
        continue;
      }
      if (steps === stepsMax) return { next: topic, steps };
      steps++;
      const next = filter.next(topic);
      if (next === null) return { next, steps };
      at++;
      if (next === topic) {
        if (visit(topic) === false) return { next: topic, steps };
        continue;
      }
      // Most often it is the next one.
      const neighbour = block[at];
      if (neighbour !== undefined && neighbour >= next) continue;
      place = Math.max(place, this.#blockOf(next));
      at = firstFrom(this.#blocks[place]!, next);
    }
  }

  /** The last block that does not begin behind `text`; -1 when all do. */
  #blockOf(text: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#blocks[middle]![0]! <= text) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** Binary search: how many stand before `text`. */
function firstFrom(block: readonly string[], text: string): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (block[middle]! < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
