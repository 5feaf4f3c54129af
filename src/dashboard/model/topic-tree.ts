/** Topics as the tree that their slashes make. Bounded: a broker may have millions, and a browser has one tab. */
export const topicsMax = 20_000;
const recentMessagesMax = 20;

export interface TopicMessage {
  readonly payload: Uint8Array;
  readonly qos: number;
  readonly isRetained: boolean;
  readonly timeMs: number;
}

export interface TopicNode {
  readonly level: string;
  readonly path: string;
  readonly children: Map<string, TopicNode>;
  /** Null for a level that is no topic of its own. */
  last: TopicMessage | null;
  /** Newest first. */
  readonly recent: TopicMessage[];
  /** There is a retained message. */
  isRetained: boolean;
  /** Messages seen while this page looked. */
  count: number;
  /** Topics at and beneath. */
  topics: number;
}

export interface TopicRow {
  readonly node: TopicNode;
  readonly depth: number;
  readonly hasChildren: boolean;
  readonly isOpen: boolean;
}

export class TopicTree {
  readonly #root = emptyNode("", "");
  /** Messages on topics beyond `topicsMax`. */
  refused = 0;

  get topics(): number {
    return this.#root.topics;
  }

  get(path: string): TopicNode | null {
    let node: TopicNode | undefined = this.#root;
    for (const level of path.split("/")) node = node?.children.get(level);
    return node ?? null;
  }

  take(path: string, message: TopicMessage, isFresh: boolean): void {
    const node = this.#topic(path);
    if (node === null) return;
    if (message.isRetained) node.isRetained = message.payload.length > 0;
    if (isFresh) {
      node.count++;
      node.recent.unshift(message);
      if (node.recent.length > recentMessagesMax) node.recent.pop();
    }
    // A retained message that is read again must not take the place of a newer one.
    if (isFresh || node.last === null) node.last = message;
  }

  /** What is shown: children of open nodes, or everything on the way to what matches `search`. */
  rows(open: ReadonlySet<string>, search: string): readonly TopicRow[] {
    const rows: TopicRow[] = [];
    const wanted = search.trim().toLowerCase();
    const matching = wanted === "" ? null : this.#matching(wanted);
    const visit = (node: TopicNode, depth: number): void => {
      for (const child of sorted(node.children)) {
        if (matching !== null && !matching.has(child)) continue;
        const isOpen = matching !== null || open.has(child.path);
        rows.push({ node: child, depth, hasChildren: child.children.size > 0, isOpen });
        if (isOpen) visit(child, depth + 1);
      }
    };
    visit(this.#root, 0);
    return rows;
  }

  #topic(path: string): TopicNode | null {
    const known = this.get(path);
    if (known !== null && known.last !== null) return known;
    if (this.topics >= topicsMax) {
      this.refused++;
      return null;
    }
    let node = this.#root;
    node.topics++;
    let at = "";
    for (const [depth, level] of path.split("/").entries()) {
      at = depth === 0 ? level : `${at}/${level}`;
      let child = node.children.get(level);
      if (child === undefined) {
        child = emptyNode(level, at);
        node.children.set(level, child);
      }
      child.topics++;
      node = child;
    }
    return node;
  }

  /** Nodes whose path matches, and those above them. */
  #matching(wanted: string): ReadonlySet<TopicNode> {
    const found = new Set<TopicNode>();
    const visit = (node: TopicNode): boolean => {
      let isWanted = node.last !== null && node.path.toLowerCase().includes(wanted);
      for (const child of node.children.values()) isWanted = visit(child) || isWanted;
      if (isWanted) found.add(node);
      return isWanted;
    };
    visit(this.#root);
    return found;
  }
}

function emptyNode(level: string, path: string): TopicNode {
  return {
    level,
    path,
    children: new Map(),
    last: null,
    recent: [],
    isRetained: false,
    count: 0,
    topics: 0,
  };
}

function sorted(children: ReadonlyMap<string, TopicNode>): readonly TopicNode[] {
  return [...children.values()].sort((a, b) =>
    a.level.localeCompare(b.level, "en", { numeric: true }),
  );
}

/** Why a text cannot be a topic to publish to, or null. */
export function topicProblem(topic: string): string | null {
  if (topic === "") return "A topic is needed.";
  if (/[+#]/.test(topic)) return "A topic to publish to has no wildcards (+ or #).";
  if (topic.includes("\u0000")) return "A topic cannot contain the NUL character.";
  return null;
}

/** Why a text is no topic filter, or null (MQTT 5.0, 4.7.1). */
export function filterProblem(filter: string): string | null {
  if (filter === "") return "A filter is needed; # is everything.";
  const levels = filter.split("/");
  const isWrong = levels.some(
    (level, i) =>
      (level.includes("#") && (level !== "#" || i !== levels.length - 1)) ||
      (level.includes("+") && level !== "+"),
  );
  return isWrong ? "+ stands for one whole level, # only for the rest at the end." : null;
}
