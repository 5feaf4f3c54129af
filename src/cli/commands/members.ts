import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { askNode, fetchStatus, type NodeLocation } from "../node-client.ts";
import { formatTable } from "../table.ts";
import type { Terminal } from "../terminal.ts";

/** Who belongs to the cluster, with the identifiers that `remove` takes. */
export async function listMembers(
  request: NodeLocation & { readonly isJson: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const { status } = await fetchStatus(request);
  const members = status.nodes.map(({ name, nodeId, zone, role, voter, state, version }) => ({
    name,
    nodeId,
    ...(zone === undefined ? {} : { zone }),
    role,
    voter,
    state,
    version,
  }));
  if (request.isJson) {
    terminal.out(JSON.stringify(members));
  } else {
    // A column for what few clusters have would only be in the way of the others.
    const hasZones = members.some(({ zone }) => zone !== undefined);
    const rows = members.map((member) => [
      member.name,
      member.nodeId,
      ...(hasZones ? [member.zone ?? "-"] : []),
      member.role,
      member.voter ? "yes" : "no",
      member.state,
      member.version,
    ]);
    const zone = hasZones ? ["ZONE"] : [];
    terminal.out(formatTable(["NODE", "ID", ...zone, "ROLE", "VOTER", "STATE", "VERSION"], rows));
  }
  return exitCodes.ok;
}

/** Takes a node out of the cluster for good; its data directory cannot come back. */
export async function removeNode(
  request: NodeLocation & { readonly nameOrId: string },
  terminal: Terminal,
): Promise<ExitCode> {
  const { url } = await fetchStatus(request);
  const path = `/api/v1/cluster/members/${encodeURIComponent(request.nameOrId)}`;
  await askNode(url, "DELETE", path, `${request.nameOrId} was not removed`);
  terminal.out(`${request.nameOrId} was removed; its data directory can be deleted`);
  return exitCodes.ok;
}
