import { ClusterError } from "../errors.ts";
import { isNodeId, type NodeId } from "../node-id.ts";

/** What the log says about a member besides whether it votes. */
export interface MemberRecord {
  readonly nodeId: NodeId;
  readonly name: string;
  /** HOST:PORT, best first; hints, since a node may come back elsewhere. */
  readonly addresses: readonly string[];
}

export function encodeMemberRecord(record: MemberRecord): Uint8Array {
  return Buffer.from(
    JSON.stringify({ nodeId: record.nodeId, name: record.name, addresses: record.addresses }),
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
  const { nodeId, name, addresses } = (parsed ?? {}) as Record<string, unknown>;
  if (
    typeof nodeId !== "string" ||
    !isNodeId(nodeId) ||
    typeof name !== "string" ||
    !Array.isArray(addresses) ||
    !addresses.every((address) => typeof address === "string")
  ) {
    throw new ClusterError("frame-malformed", "member record lacks nodeId, name or addresses");
  }
  return { nodeId, name, addresses: addresses as string[] };
}
