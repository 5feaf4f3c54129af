import { CompactMap } from "../routing/compact-map.ts";

interface TreeNode<T> {
  value: T | undefined;
  readonly children: CompactMap<string, TreeNode<T>>;
}

function createNode<T>(): TreeNode<T> {
  return { value: undefined, children: new CompactMap() };
}

/**
 * Topics by level, for finding those that match a filter without looking at all of them: the mirror image of the topic
 * trie, which holds filters. Works without recursion, since a topic may have 32,768 levels.
 */
export class TopicTree<T> {
  #root = createNode<T>();
  #nodeCount = 1;

  /** 1 when there is no topic. */
  get nodeCount(): number {
    return this.#nodeCount;
  }

  set(topic: string, value: T): void {
    let node = this.#root;
    for (const level of topic.split("/")) {
      let child = node.children.get(level);
      if (child === undefined) {
        child = createNode();
        this.#nodeCount++;
        node.children.set(level, child);
      }
      node = child;
    }
    node.value = value;
  }

  delete(topic: string): void {
    const levels = topic.split("/");
    const path = [this.#root];
    for (const level of levels) {
      const child = path[path.length - 1]!.children.get(level);
      if (child === undefined) {
        return;
      }
      path.push(child);
    }
    path[path.length - 1]!.value = undefined;
    for (let depth = levels.length; depth > 0; depth--) {
      const node = path[depth]!;
      if (node.value !== undefined || node.children.size > 0) {
        return;
      }
      path[depth - 1]!.children.delete(levels[depth - 1]!);
      this.#nodeCount--;
    }
  }

  clear(): void {
    this.#root = createNode();
    this.#nodeCount = 1;
  }

  /**
   * Visits the value of every topic that matches, until `visit` answers false; a wildcard in the first level does not match topics
   * that begin with `$`.
   */
  match(filter: string, visit: (value: T) => unknown): void {
    let frontier = [this.#root];
    const levels = filter.split("/");
    for (const [depth, level] of levels.entries()) {
      const isFirst = depth === 0;
      if (level === "#") {
        for (const node of frontier) {
          if (!visitBelow(node, isFirst, visit)) return;
        }
        return;
      }
      const next: TreeNode<T>[] = [];
      for (const node of frontier) {
        if (level !== "+") {
          const child = node.children.get(level);
          if (child !== undefined) {
            next.push(child);
          }
          continue;
        }
        node.children.forEach((child, name) => {
          if (!isFirst || !name.startsWith("$")) {
            next.push(child);
          }
        });
      }
      frontier = next;
    }
    for (const node of frontier) {
      if (node.value !== undefined && visit(node.value) === false) return;
    }
  }
}

/** The node itself too, because `a/#` matches `a` (MQTT 5, 4.7.1.2). False when `visit` has had enough. */
function visitBelow<T>(top: TreeNode<T>, isRoot: boolean, visit: (value: T) => unknown): boolean {
  const waiting: TreeNode<T>[] = [];
  if (isRoot) {
    top.children.forEach((child, name) => {
      if (!name.startsWith("$")) {
        waiting.push(child);
      }
    });
  } else {
    waiting.push(top);
  }
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (node.value !== undefined && visit(node.value) === false) return false;
    node.children.forEach((child) => {
      waiting.push(child);
    });
  }
  return true;
}
