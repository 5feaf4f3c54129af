import type { ClusterLine, NodeLine } from "./api-types.ts";
import { plural } from "./format.ts";

export type Tone = "ok" | "warn" | "bad" | "idle";

export interface Verdict {
  readonly tone: Tone;
  /** A few words for a chip. */
  readonly title: string;
  /** A sentence for a person. */
  readonly detail: string;
}

/** Can the cluster commit, and what would it take until it cannot? */
export function quorumVerdict(cluster: ClusterLine): Verdict {
  const voters = cluster.nodes.filter((node) => node.voter);
  const up = voters.filter((node) => node.state === "up").length;
  const majority = Math.floor(voters.length / 2) + 1;
  const spare = up - majority;
  const counted = `${up} of ${plural(voters.length, "voter")} up, ${majority} needed`;
  if (!cluster.quorum) {
    const detail = `${counted}. Nothing that needs the log is acknowledged; QoS 0 flows, reads are local copies.`;
    return { tone: "bad", title: "No quorum", detail };
  }
  if (voters.length === 1) {
    return { tone: "ok", title: "Quorum", detail: "One voter: it has no replica yet." };
  }
  if (spare <= 0) {
    return { tone: "warn", title: "Quorum, no spare", detail: `${counted}: none may fail now.` };
  }
  return { tone: "ok", title: "Quorum", detail: `${counted}: ${spare} may fail.` };
}

/** Log entries that a node is behind the newest known commit; null for a node that does not answer. */
export function lagOf(node: NodeLine, cluster: ClusterLine): number | null {
  if (node.state === "down" || node.version === "") return null;
  return Math.max(0, newestCommit(cluster) - node.appliedIndex);
}

export function newestCommit(cluster: ClusterLine): number {
  return Math.max(0, ...cluster.nodes.map((node) => node.commitIndex));
}

/** Whether a node's content is that of the others: compared only where the index is the same. */
export function digestVerdict(
  node: NodeLine,
  cluster: ClusterLine,
): "same" | "differs" | "unknown" {
  if (node.digest === "" || node.state !== "up") return "unknown";
  const others = cluster.nodes.filter(
    (other) =>
      other.name !== node.name && other.state === "up" && other.digestIndex === node.digestIndex,
  );
  if (others.length === 0) return "unknown";
  return others.some((other) => other.digest === node.digest) ? "same" : "differs";
}

export function toneOfState(state: NodeLine["state"]): Tone {
  if (state === "up") return "ok";
  return state === "suspect" ? "warn" : "bad";
}

/** Leader first, then voters, then learners, each by name. */
export function inOrder(nodes: readonly NodeLine[]): readonly NodeLine[] {
  const rank = (node: NodeLine): number => (node.role === "leader" ? 0 : node.voter ? 1 : 2);
  return [...nodes].sort(
    (a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, "en", { numeric: true }),
  );
}

/** What the members hold together; replicated figures are the same everywhere, so the largest is the newest. */
export function totals(cluster: ClusterLine): {
  readonly connections: number;
  readonly sessions: number;
  readonly retained: number;
  readonly devices: number;
} {
  const answering = cluster.nodes.filter((node) => node.version !== "");
  const sum = (pick: (node: NodeLine) => number): number =>
    answering.reduce((total, node) => total + pick(node), 0);
  const most = (pick: (node: NodeLine) => number): number => Math.max(0, ...answering.map(pick));
  return {
    connections: sum((node) => node.connections),
    sessions: sum((node) => node.sessions),
    retained: most((node) => node.retained),
    devices: most((node) => node.devices),
  };
}

/** What happened between two states, for the log of the page and for screen readers. */
export function changesBetween(before: ClusterLine | null, after: ClusterLine): readonly string[] {
  if (before === null) return [];
  const changes: string[] = [];
  const known = new Map(before.nodes.map((node) => [node.name, node]));
  for (const node of after.nodes) {
    const previous = known.get(node.name);
    if (previous === undefined) changes.push(`${node.name} joined`);
    else if (previous.state !== node.state) changes.push(`${node.name} is ${node.state}`);
    else if (!previous.voter && node.voter) changes.push(`${node.name} votes now`);
    known.delete(node.name);
  }
  for (const name of known.keys()) changes.push(`${name} left`);
  if (before.leader !== after.leader) {
    changes.push(after.leader === null ? "no leader" : `${after.leader} leads, term ${after.term}`);
  }
  if (before.quorum !== after.quorum) changes.push(after.quorum ? "quorum again" : "no quorum");
  return changes;
}

/** Places of `count` nodes on a circle, the first on top, stretched to fill the drawing, as fractions of it. */
export function ringPlaces(count: number): readonly { readonly x: number; readonly y: number }[] {
  if (count === 1) return [{ x: 0.5, y: 0.5 }];
  const angles = Array.from({ length: count }, (_, i) => (i / count) * 2 * Math.PI - Math.PI / 2);
  const lowest = Math.max(...angles.map(Math.sin));
  return angles.map((angle) => ({
    x: 0.5 + 0.5 * Math.cos(angle),
    y: (1 + Math.sin(angle)) / (1 + lowest),
  }));
}
