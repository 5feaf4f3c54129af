import type { NodeId } from "../node-id.ts";
import type { LinkStatus } from "../status.ts";
import type { LinkStats } from "../transport/transport.ts";

/** The links of a node for its status line, in a steady order. */
export function linkStatuses(
  stats: readonly LinkStats[],
  roundTripMs: (nodeId: NodeId) => number | null,
): readonly LinkStatus[] {
  return stats
    .map(({ nodeId, sentSizeBytes, receivedSizeBytes, queuedSizeBytes }) => {
      const tookMs = roundTripMs(nodeId);
      return {
        nodeId,
        roundTripMs: tookMs === null ? null : Math.round(tookMs * 100) / 100,
        sentBytes: sentSizeBytes,
        receivedBytes: receivedSizeBytes,
        queuedBytes: queuedSizeBytes,
      };
    })
    .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
}
