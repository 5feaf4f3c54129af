import type { ClusterStatus } from "../status.ts";

/** A voter further behind than this is not counted on: the log may not be there any more when it asks. */
const entriesBehindMax = 1000;

/**
 * Why stopping the nodes now, all at the same time, would cost something, for a person; empty when it would not. `names` are of
 * the status' nodes. The log, which holds all that must outlive a node, needs a majority of voters that is up and in step without
 * them. Two nodes may each be safe to stop and not both: whoever means to stop both asks for both.
 */
export function stopRisks(status: ClusterStatus, names: readonly string[]): readonly string[] {
  const reasons: string[] = [];
  if (!status.quorum) reasons.push("the cluster has no quorum now");
  const voters = status.nodes.filter((node) => node.voter);
  const newest = Math.max(...status.nodes.map((node) => node.commitIndex));
  const counted = voters.filter(
    (node) =>
      !names.includes(node.name) &&
      node.state === "up" &&
      node.appliedIndex + entriesBehindMax >= newest,
  );
  const majority = Math.floor(voters.length / 2) + 1;
  if (counted.length < majority) {
    reasons.push(
      `without ${names.length === 1 ? "it" : "them"} ${counted.length} of ${voters.length} voters are up and in step, ${majority} are needed`,
    );
  }
  return reasons;
}
