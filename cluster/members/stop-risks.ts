import type { ClusterStatus } from "../status.ts";

/** A voter further behind than this is not counted on: the log may not be there any more when it asks. */
const entriesBehindMax = 1000;

/**
 * Why stopping the node now would cost something, for a person; empty when it would not. `name` is one of the status' nodes.
 * The log needs a majority of voters that is up and in step without it, and sessions live in the memory of their node.
 */
export function stopRisks(status: ClusterStatus, name: string): readonly string[] {
  const reasons: string[] = [];
  if (!status.quorum) reasons.push("the cluster has no quorum now");
  const voters = status.nodes.filter((node) => node.voter);
  const newest = Math.max(...status.nodes.map((node) => node.commitIndex));
  const counted = voters.filter(
    (node) =>
      node.name !== name && node.state === "up" && node.appliedIndex + entriesBehindMax >= newest,
  );
  const majority = Math.floor(voters.length / 2) + 1;
  if (counted.length < majority) {
    reasons.push(
      `without it ${counted.length} of ${voters.length} voters are up and in step, ${majority} are needed`,
    );
  }
  const own = status.nodes.find((node) => node.name === name);
  const detached = own === undefined ? 0 : own.sessions - own.connections;
  if (detached > 0) {
    const noun = detached === 1 ? "session of a client" : "sessions of clients";
    reasons.push(`it alone holds ${detached} ${noun} that would come back to it`);
  }
  return reasons;
}
