import { CompactMap } from "./compact-map.ts";

interface TrieNode<T> {
  /** Of the filter that ends here. */
  value: T | undefined;
  /** Of the filter that goes on with `#` and so ends too. */
  below: T | undefined;
  /** The level `+`. */
  plus: TrieNode<T> | null;
  /** The other levels; null when there are none, as behind the last level of every filter. */
  children: CompactMap<string, TrieNode<T>> | null;
}

function createNode<T>(): TrieNode<T> {
  return { value: undefined, below: undefined, plus: null, children: null };
}

function isEmpty(node: TrieNode<unknown>): boolean {
  return (
    node.value === undefined &&
    node.below === undefined &&
    node.plus === null &&
    node.children === null
  );
}

/** Whether the filter has a wildcard, that is, may match a topic other than itself. */
export function hasWildcard(filter: string): boolean {
  return filter.includes("+") || filter.includes("#");
}

/**
 * Topic filter -> value, and from a topic to the values of all filters that match it (MQTT 5, 4.7). Filters without a
 * wildcard stand in a plain map, where one look finds them however many there are; only the others form a trie, which is walked level by
 * level, without recursion. The filter must be valid: `#` only as the last level.
 */
export class TopicTrie<T> {
  readonly #exact = new Map<string, T>();
  #root = createNode<T>();
  #wildcardCount = 0;
  #nodeCount = 1;

  /** Number of filters. */
  get size(): number {
    return this.#exact.size + this.#wildcardCount;
  }

  /** Nodes that hold the filters with wildcards; 1 when there is none. */
  get nodeCount(): number {
    return this.#nodeCount;
  }

  get(filter: string): T | undefined {
    if (!hasWildcard(filter)) {
      return this.#exact.get(filter);
    }
    let node: TrieNode<T> | null | undefined = this.#root;
    for (const level of filter.split("/")) {
      if (level === "#") {
        return node.below;
      }
      node = level === "+" ? node.plus : node.children?.get(level);
      if (node === undefined || node === null) {
        return undefined;
      }
    }
    return node.value;
  }

  /** Adds or replaces. */
  add(filter: string, value: T): void {
    if (!hasWildcard(filter)) {
      this.#exact.set(filter, value);
      return;
    }
    let node = this.#root;
    for (const level of filter.split("/")) {
      if (level === "#") {
        this.#wildcardCount += node.below === undefined ? 1 : 0;
        node.below = value;
        return;
      }
      node = this.#childFor(node, level);
    }
    this.#wildcardCount += node.value === undefined ? 1 : 0;
    node.value = value;
  }

  remove(filter: string): boolean {
    if (!hasWildcard(filter)) {
      return this.#exact.delete(filter);
    }
    if (this.get(filter) === undefined) {
      return false;
    }
    const levels = filter.split("/");
    const path = [this.#root];
    for (const level of levels) {
      const node = path[path.length - 1]!;
      if (level === "#") {
        node.below = undefined;
      } else {
        path.push(level === "+" ? node.plus! : node.children!.get(level)!);
      }
    }
    if (levels[levels.length - 1] !== "#") {
      path[path.length - 1]!.value = undefined;
    }
    this.#wildcardCount--;
    this.#prune(path, levels);
    return true;
  }

  /** Appends to `found` the value of each filter that matches the topic. */
  match(topic: string, found: T[]): void {
    const exact = this.#exact.get(topic);
    if (exact !== undefined) {
      found.push(exact);
    }
    if (this.#wildcardCount > 0) {
      this.#matchWildcards(topic, found);
    }
  }

  #matchWildcards(topic: string, found: T[]): void {
    // Wildcards in the first level do not match topics that begin with `$` [MQTT-4.7.2-1].
    let areWildcardsAllowed = !topic.startsWith("$");
    let frontier = [this.#root];
    let start = 0;
    for (;;) {
      const end = topic.indexOf("/", start);
      const level = end < 0 ? topic.slice(start) : topic.slice(start, end);
      const next: TrieNode<T>[] = [];
      for (const node of frontier) {
        const child = node.children?.get(level);
        if (child !== undefined) {
          next.push(child);
        }
        if (areWildcardsAllowed) {
          if (node.below !== undefined) {
            found.push(node.below);
          }
          if (node.plus !== null) {
            next.push(node.plus);
          }
        }
      }
      frontier = next;
      if (end < 0 || next.length === 0) {
        break;
      }
      start = end + 1;
      areWildcardsAllowed = true;
    }
    // A node that is left when the topic has ended: its own filter, and `a/#`, which matches `a` too.
    for (const node of frontier) {
      if (node.value !== undefined) {
        found.push(node.value);
      }
      if (node.below !== undefined) {
        found.push(node.below);
      }
    }
  }

  #childFor(node: TrieNode<T>, level: string): TrieNode<T> {
    const known = level === "+" ? node.plus : node.children?.get(level);
    if (known !== undefined && known !== null) {
      return known;
    }
    const child = createNode<T>();
    this.#nodeCount++;
    if (level === "+") {
      node.plus = child;
    } else {
      node.children ??= new CompactMap();
      node.children.set(level, child);
    }
    return child;
  }

  /** Removes what became empty, from the end of the path towards the root. */
  #prune(path: readonly TrieNode<T>[], levels: readonly string[]): void {
    for (let depth = path.length - 1; depth > 0 && isEmpty(path[depth]!); depth--) {
      const parent = path[depth - 1]!;
      const level = levels[depth - 1]!;
      this.#nodeCount--;
      if (level === "+") {
        parent.plus = null;
      } else if (parent.children?.delete(level) && parent.children.size === 0) {
        parent.children = null;
      }
    }
  }
}
