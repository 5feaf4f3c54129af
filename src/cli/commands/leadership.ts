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

/** Whether nodes can be stopped together at no cost, and why not. */
export interface StopSafety {
  readonly nodes: readonly string[];
  readonly isSafe: boolean;
  readonly reasons: readonly string[];
}

/** Answers 0 when the nodes can be stopped together at no cost, else 1 with the reasons. */
export async function showStopSafety(
  request: NodeLocation & { readonly namesOrIds: readonly string[]; readonly isJson: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const { url } = await fetchStatus(request);
  const safety = await askStopSafety(url, request.namesOrIds);
  terminal.out(request.isJson ? JSON.stringify(safety) : safetyLines(safety).join("\n"));
  return safety.isSafe ? exitCodes.ok : exitCodes.notInSync;
}

export async function askStopSafety(
  url: string,
  namesOrIds: readonly string[],
): Promise<StopSafety> {
  const path = `/api/v1/cluster/safe-to-stop/${encodeURIComponent(namesOrIds.join(","))}`;
  const are = namesOrIds.length === 1 ? "is" : "are";
  const what = `nobody knows whether ${namesOrIds.join(", ")} ${are} safe to stop`;
  return (await askNode(url, "GET", path, what)) as StopSafety;
}

/** For a person. */
export function safetyLines({ nodes, isSafe, reasons }: StopSafety): readonly string[] {
  const are = `${nodes.join(", ")} ${nodes.length === 1 ? "is" : "are"}`;
  return isSafe
    ? [`${are} safe to stop`]
    : [`${are} NOT safe to stop`, ...reasons.map((reason) => `  - ${reason}`)];
}
