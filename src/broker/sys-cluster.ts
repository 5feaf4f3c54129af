import type { BrokerContext } from "./context.ts";

/** Below it each member has its own topics, which go with it. */
export const nodesPrefix = "$SYS/cluster/nodes/";

/** The values under `$SYS/cluster/`: what this node knows of its cluster. On a node that is cut off they are the last it knew. */
export function clusterValues({ cluster, replica }: BrokerContext): ReadonlyMap<string, string> {
  const members = cluster.members();
  const { sessions } = replica;
  const values = new Map<string, string>([
    ["$SYS/cluster/id", cluster.clusterId],
    ["$SYS/cluster/node", cluster.name],
    ["$SYS/cluster/leader", members.find(({ isLeader }) => isLeader)?.name ?? ""],
    ["$SYS/cluster/term", String(cluster.metrics().get("raft_term") ?? 0)],
    ["$SYS/cluster/quorum", cluster.hasQuorum() ? "1" : "0"],
    ["$SYS/cluster/nodes", String(members.length)],
    ["$SYS/cluster/sessions/stored", String(sessions.count)],
    ["$SYS/cluster/messages/stored", String(sessions.messageCount)],
    ["$SYS/cluster/messages/stored/bytes", String(sessions.messagesSizeBytes)],
  ]);
  for (const { name, state, isVoter } of members) {
    values.set(`${nodesPrefix}${name}/state`, state);
    values.set(`${nodesPrefix}${name}/voter`, isVoter ? "1" : "0");
  }
  return values;
}
