import { ClusterError } from "../errors.ts";
import { isNodeId } from "../node-id.ts";
import { snapshotProblem } from "../raft/config-change.ts";
import type { SnapshotPoint } from "../raft/types.ts";

/** What stands before the chunks of a snapshot. */
export interface SnapshotHeader {
  readonly groupId: number;
  /** Of the sending leader. */
  readonly term: number;
  readonly point: SnapshotPoint;
  /** Names the sender's view, so that a transfer that was cut can go on; null: it begins anew each time (version 1). */
  readonly transfer: string | null;
  /** The chunks go on behind this key; null: from the beginning. */
  readonly after: string | null;
}

/**
 * Version 1 had no field for it and no resumption. Whoever reads 1 reads a transfer of version 2 from its beginning as well, since
 * the fields that it does not know are not needed there.
 */
const headerVersion = 2;
/** A state key may be as long as a topic of 65,535 bytes and its prefix; the name of a transfer is made by the sender. */
const textLengthMax = 70_000;

export function encodeSnapshotHeader(header: SnapshotHeader): Uint8Array {
  return Buffer.from(JSON.stringify({ version: headerVersion, ...header }));
}

/**
 * What a peer says it is about to send, so that nothing unsound reaches the core. Throws ClusterError `frame-malformed`, and
 * `version-mismatch` for a header of a later version.
 */
export function decodeSnapshotHeader(bytes: Uint8Array): SnapshotHeader {
  let header: (Partial<SnapshotHeader> & { readonly version?: unknown }) | null;
  try {
    header = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (cause) {
    throw new ClusterError("frame-malformed", "snapshot header is not JSON", {}, cause);
  }
  const { version = 1, groupId, term, point } = header ?? {};
  if (version !== 1 && version !== headerVersion) {
    const message = `a snapshot of version ${version}, this node reads 1 and ${headerVersion}`;
    throw new ClusterError("version-mismatch", message, { version });
  }
  if (typeof groupId !== "number" || typeof term !== "number" || !point) throw malformed("field");
  if (!isPoint(point)) throw malformed("point");
  const problem = snapshotProblem(point, term);
  if (problem !== null) {
    throw new ClusterError("frame-malformed", `snapshot header: ${problem}`, { point });
  }
  if (version === 1) return { groupId, term, point, transfer: null, after: null };
  const { transfer = null, after = null } = header ?? {};
  if (!isText(transfer) || !isText(after)) throw malformed("transfer");
  if (transfer === null && after !== null) throw malformed("after");
  return { groupId, term, point, transfer, after };
}

function isText(value: unknown): boolean {
  return value === null || (typeof value === "string" && value.length <= textLengthMax);
}

function isPoint({ index, term, configuration }: Partial<SnapshotPoint>): boolean {
  const { voters, votersOutgoing, learners, learnersNext } = configuration ?? {};
  return (
    Number.isSafeInteger(index) &&
    Number.isSafeInteger(term) &&
    [voters, votersOutgoing, learners, learnersNext].every(isNodeIds)
  );
}

function isNodeIds(list: unknown): boolean {
  return (
    Array.isArray(list) && list.every((nodeId) => typeof nodeId === "string" && isNodeId(nodeId))
  );
}

function malformed(where: string): ClusterError {
  return new ClusterError("frame-malformed", `snapshot header: ${where} is malformed`, { where });
}
