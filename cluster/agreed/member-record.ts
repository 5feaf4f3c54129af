import { ClusterError } from "../errors.ts";
import { isNodeId, type NodeId } from "../node-id.ts";

/** What the log says about a member besides whether it votes. */
export interface MemberRecord {
  readonly nodeId: NodeId;
  readonly name: string;
  /** HOST:PORT, best first; hints, since a node may come back elsewhere. */
  readonly addresses: readonly string[];
  /** What fails together with it, such as a rack or a site; left out when nobody said. */
  readonly zone?: string;
}

const zoneLengthMax = 63;

export function encodeMemberRecord(record: MemberRecord): Uint8Array {
  const { nodeId, name, addresses, zone } = record;
  return Buffer.from(
    JSON.stringify({ nodeId, name, addresses, ...(zone === undefined ? {} : { zone }) }),
  );
}

/** Throws ClusterError `frame-malformed`. */
export function decodeMemberRecord(bytes: Uint8Array): MemberRecord {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (cause) {
    throw new ClusterError("frame-malformed", "member record is not JSON", {}, cause);
  }
  const { nodeId, name, addresses, zone } = (parsed ?? {}) as Record<string, unknown>;
  if (
    typeof nodeId !== "string" ||
    !isNodeId(nodeId) ||
    typeof name !== "string" ||
    !Array.isArray(addresses) ||
    !addresses.every((address) => typeof address === "string") ||
    !(zone === undefined || (typeof zone === "string" && zone.length <= zoneLengthMax))
  ) {
    throw new ClusterError("frame-malformed", "member record lacks nodeId, name or addresses");
  }
  const record = { nodeId, name, addresses: addresses as string[] };
  return zone === undefined ? record : { ...record, zone };
}
