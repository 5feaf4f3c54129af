import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { askNode, fetchStatus, type NodeLocation } from "../node-client.ts";
import type { Terminal } from "../terminal.ts";

/** Gives leadership to the named voter, or to the best one. */
export async function transferLeadership(
  request: NodeLocation & { readonly nameOrId: string | null },
  terminal: Terminal,
): Promise<ExitCode> {
  const { url } = await fetchStatus(request);
  const body = request.nameOrId === null ? {} : { to: request.nameOrId };
  const what = "leadership was not transferred";
  const answer = await askNode(url, "POST", "/api/v1/cluster/transfer", what, body);
  const { leader } = answer as { readonly leader: string };
  terminal.out(`${leader} leads now`);
  return exitCodes.ok;
}

/** Answers 0 when the nodes can be stopped together at no cost, else 1 with the reasons. */
export async function showStopSafety(
  request: NodeLocation & { readonly namesOrIds: readonly string[]; readonly isJson: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const { url } = await fetchStatus(request);
  const asked = request.namesOrIds.join(", ");
  const path = `/api/v1/cluster/safe-to-stop/${encodeURIComponent(request.namesOrIds.join(","))}`;
  const isOne = request.namesOrIds.length === 1;
  const what = `nobody knows whether ${asked} ${isOne ? "is" : "are"} safe to stop`;
  const safety = (await askNode(url, "GET", path, what)) as {
    readonly nodes: readonly string[];
    readonly isSafe: boolean;
    readonly reasons: readonly string[];
  };
  const are = `${safety.nodes.join(", ")} ${safety.nodes.length === 1 ? "is" : "are"}`;
  const lines = safety.isSafe
    ? [`${are} safe to stop`]
    : [`${are} NOT safe to stop`, ...safety.reasons.map((reason) => `  - ${reason}`)];
  terminal.out(request.isJson ? JSON.stringify(safety) : lines.join("\n"));
  return safety.isSafe ? exitCodes.ok : exitCodes.notInSync;
}
