import type { NodeId } from "../node-id.ts";
import { type Digest, digestText, hashText } from "./digest.ts";

/** How far one node's table is, and what it holds. */
export interface RoutePosition {
  readonly nodeId: NodeId;
  readonly incarnation: number;
  readonly seq: number;
  readonly digest: Digest;
}

/** One digest over the tables of all nodes, independent of their order: sixteen hex digits. */
export function digestOfRoutes(positions: readonly RoutePosition[]): string {
  const lines = positions.map(
    ({ nodeId, incarnation, seq, digest }) =>
      `${nodeId} ${incarnation} ${seq} ${digestText(digest)}`,
  );
  return digestText(hashText(lines.sort().join("\n"), 0));
}
