import { matches } from "../mqtt/topic.ts";

/**
 * One filter against topics in order of their UTF-16 units. Topics below one level stand together in that order, so a topic that does not
 * match tells from where on the next one may: whole branches are stepped over.
 */
export class FilterSteps {
  readonly #filter: string;
  readonly #levels: readonly string[];
  readonly #isOpen: boolean;
  /** No topic that matches stands before it. */
  readonly first: string;

  constructor(filter: string) {
    this.#filter = filter;
    this.#levels = filter.split("/");
    const wildcard = filter.search(/[+#]/);
    // `a/#` matches `a`, too.
    this.first = wildcard < 0 ? filter : filter.slice(0, Math.max(0, wildcard - 1));
    this.#isOpen = this.#levels.at(-1) === "#";
  }

  /** `topic` itself when it matches, else a text above it before which nothing does, or null when nothing further does. */
  next(topic: string): string | null {
    if (matches(this.#filter, topic)) return topic;
    const isWild = this.#levels[0] === "+" || this.#levels[0] === "#";
    if (isWild && topic.startsWith("$")) return "%";
    let start = 0;
    for (const [depth, level] of this.#levels.entries()) {
      const slash = topic.indexOf("/", start);
      const end = slash < 0 ? topic.length : slash;
      const isSame = end - start === level.length && topic.startsWith(level, start);
      if (level !== "+" && !isSame) return this.#towards(topic, start, depth);
      // Below the literal level something may follow; beside a wildcard another topic may.
      if (slash < 0) return level === "+" ? after(topic) : `${topic}/`;
      start = end + 1;
    }
    return beyond(topic, start);
  }

  /** Where the level at this depth would be what the filter says, with the levels before it as they are. */
  #towards(topic: string, start: number, depth: number): string | null {
    const wanted = topic.slice(0, start) + this.#levels[depth];
    const mustGoOn = depth < this.#levels.length - 1;
    const mayEnd = !mustGoOn || (this.#isOpen && depth === this.#levels.length - 2);
    if (mayEnd && topic < wanted) return wanted;
    const below = `${wanted}/`;
    return mustGoOn && topic < below ? below : beyond(topic, start);
  }
}

/** The least text above a topic: none contains U+0000 [MQTT-4.7.3-2]. */
function after(topic: string): string {
  return `${topic}\u0000`;
}

/** Behind everything that shares the levels before `start`; "0" follows "/". */
function beyond(topic: string, start: number): string | null {
  return start === 0 ? null : `${topic.slice(0, start - 1)}0`;
}
