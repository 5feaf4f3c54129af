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

/** Answers 0 when the node can be stopped at no cost, else 1 with the reasons. */
export async function showStopSafety(
  request: NodeLocation & { readonly nameOrId: string; readonly isJson: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const { url } = await fetchStatus(request);
  const path = `/api/v1/cluster/safe-to-stop/${encodeURIComponent(request.nameOrId)}`;
  const what = `nobody knows whether ${request.nameOrId} is safe to stop`;
  const safety = (await askNode(url, "GET", path, what)) as {
    readonly node: string;
    readonly isSafe: boolean;
    readonly reasons: readonly string[];
  };
  const lines = safety.isSafe
    ? [`${safety.node} is safe to stop`]
    : [`${safety.node} is NOT safe to stop`, ...safety.reasons.map((reason) => `  - ${reason}`)];
  terminal.out(request.isJson ? JSON.stringify(safety) : lines.join("\n"));
  return safety.isSafe ? exitCodes.ok : exitCodes.notInSync;
}
