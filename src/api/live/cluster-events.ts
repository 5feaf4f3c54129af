import type { ClusterStatus, NodeStatus } from "#cluster";

export interface ClusterEvent {
  readonly event:
    | "leader-changed"
    | "quorum-lost"
    | "quorum-regained"
    | "in-sync"
    | "out-of-sync"
    | "node-joined"
    | "node-left"
    | "node-restarted"
    | "node-state"
    | "node-vote";
  /** Name of the node that it is about. */
  readonly node?: string;
  readonly detail: string;
}

/** What happened between two looks at the cluster, as far as the looks show it. */
export function clusterEvents(before: ClusterStatus, after: ClusterStatus): ClusterEvent[] {
  const events: ClusterEvent[] = [];
  if (before.leader !== after.leader) {
    const detail = after.leader === null ? "no leader is known" : `${after.leader} leads`;
    const node = after.leader === null ? {} : { node: after.leader };
    events.push({ event: "leader-changed", ...node, detail: `${detail}, term ${after.term}` });
  }
  if (before.quorum !== after.quorum) {
    events.push(
      after.quorum
        ? { event: "quorum-regained", detail: "a majority of voters answers again" }
        : { event: "quorum-lost", detail: "no majority of voters answers" },
    );
  }
  const known = new Map(before.nodes.map((node) => [node.nodeId, node]));
  for (const node of after.nodes) {
    const earlier = known.get(node.nodeId);
    known.delete(node.nodeId);
    events.push(...nodeEvents(earlier, node));
  }
  for (const { name } of known.values()) {
    events.push({ event: "node-left", node: name, detail: `${name} is no member any more` });
  }
  if (before.inSync !== after.inSync) {
    const detail = after.inSync ? "all replicas agree" : after.reasons.join("; ");
    events.push({ event: after.inSync ? "in-sync" : "out-of-sync", detail });
  }
  return events;
}

function nodeEvents(before: NodeStatus | undefined, after: NodeStatus): ClusterEvent[] {
  const { name: node, state, voter } = after;
  if (before === undefined) return [{ event: "node-joined", node, detail: `${node} is a member` }];
  const events: ClusterEvent[] = [];
  if (before.state !== state) {
    events.push({ event: "node-state", node, detail: `${node} is ${state}, was ${before.state}` });
  }
  if (before.voter !== voter) {
    events.push({ event: "node-vote", node, detail: voter ? `${node} votes` : `${node} learns` });
  }
  // Of a node that does not answer, the last known figures stand there.
  if (state === "up" && after.uptimeSeconds + 1 < before.uptimeSeconds) {
    events.push({ event: "node-restarted", node, detail: `${node} started anew` });
  }
  return events;
}
