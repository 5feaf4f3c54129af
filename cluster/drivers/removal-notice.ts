import type { NodeId } from "../node-id.ts";
import type { Transport } from "../transport/transport.ts";

export interface RemovalNoticeOptions {
  readonly transport: Transport;
  /** By a committed change. */
  readonly wasRemoved: (nodeId: NodeId) => boolean;
}

export const removedRequestKind = "removed";
const noticeTimeoutMs = 2000;

/**
 * A leader stops sending its log to a node that it removed, so that node cannot read there that it is gone: it may have been
 * down at that time, too. Whoever is linked to it and knows tells it, and it ends.
 */
export class RemovalNotice {
  readonly #options: RemovalNoticeOptions;

  constructor(options: RemovalNoticeOptions) {
    this.#options = options;
  }

  /** Call it when a link opens, and for each member that goes. */
  async tellIfRemoved(nodeId: NodeId): Promise<void> {
    const { transport, wasRemoved } = this.#options;
    if (!wasRemoved(nodeId) || !transport.links().includes(nodeId)) return;
    try {
      await transport.request(nodeId, removedRequestKind, new Uint8Array(0), noticeTimeoutMs);
    } catch {
      // The link is gone, or the node does not answer: should it link again, it is told again.
    }
  }
}
