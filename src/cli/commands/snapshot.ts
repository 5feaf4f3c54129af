import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { askNode, fetchStatus, type NodeLocation } from "../node-client.ts";
import type { Terminal } from "../terminal.ts";

/** Cuts the log to what is applied, on one node or on all; answers 1 when a node did not do it. */
export async function compactLogs(
  request: NodeLocation & { readonly nameOrId: string | null },
  terminal: Terminal,
): Promise<ExitCode> {
  const { url } = await fetchStatus(request);
  const body = request.nameOrId === null ? {} : { node: request.nameOrId };
  const answer = await askNode(url, "POST", "/api/v1/cluster/snapshot", "no log was cut", body);
  const { nodes } = answer as {
    readonly nodes: readonly { readonly name: string; readonly index: number | null }[];
  };
  for (const { name, index } of nodes) {
    terminal.out(
      index === null ? `${name} did not answer` : `${name}: the log begins behind index ${index}`,
    );
  }
  const isWhole = nodes.every(({ index }) => index !== null);
  return isWhole ? exitCodes.ok : exitCodes.notInSync;
}
