import type { ClusterLine, DrainLine, NodeLine } from "./api-types.ts";
import type { Tone } from "./cluster-facts.ts";
import { plural } from "./format.ts";

/** What may be done with one node, and why not; null where it may. */
export interface Barriers {
  readonly lead: string | null;
  readonly drain: string | null;
}

export function barriersOf(node: NodeLine, cluster: ClusterLine): Barriers {
  return { lead: whyNotLead(node, cluster), drain: whyNotDrained(node, cluster) };
}

function whyNotLead(node: NodeLine, cluster: ClusterLine): string | null {
  if (node.role === "leader") return "It leads already.";
  if (node.state !== "up") return `It is ${node.state}.`;
  if (!node.voter) return "A learner does not lead: it has no vote.";
  return cluster.quorum ? null : "Without a quorum nobody can lead.";
}

function whyNotDrained(node: NodeLine, cluster: ClusterLine): string | null {
  if (node.state !== "up") return `It is ${node.state}.`;
  const others = cluster.nodes.filter(({ name, state }) => name !== node.name && state === "up");
  return others.length > 0 ? null : "No other node is up to take its clients.";
}

/** How draining goes, for a person; null while nothing is to be said. */
export function drainVerdict(
  drain: DrainLine,
): { readonly tone: Tone; readonly text: string } | null {
  const { phase, clientsLeft, clientsMoved, problem, node } = drain;
  const moved = `${plural(clientsMoved, "client")} moved`;
  if (phase === "off") return null;
  if (problem !== null) return { tone: "warn", text: `${node}: ${problem}.` };
  if (phase === "moving") {
    return { tone: "idle", text: `${node} is being drained: ${moved}, ${clientsLeft} left.` };
  }
  if (phase === "handing-over") {
    return { tone: "idle", text: `${node} hands over its leadership, ${moved}.` };
  }
  return { tone: "ok", text: `${node} is empty, ${moved}: it may be stopped.` };
}
