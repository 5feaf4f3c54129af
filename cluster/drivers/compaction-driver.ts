import { ClusterError } from "../errors.ts";
import type { NodeId } from "../node-id.ts";
import type { Transport } from "../transport/transport.ts";

export interface CompactionDriverOptions {
  readonly nodeId: NodeId;
  readonly transport: Transport;
  readonly members: () => readonly { readonly nodeId: NodeId; readonly name: string }[];
  /** Cuts the log of this node; answers the index behind which it begins now. */
  readonly compact: () => number;
}

/** Where the log of one node begins after it was cut; null when the node did not answer. */
export interface CompactedLog {
  readonly name: string;
  readonly index: number | null;
}

const compactRequestKind = "compact";
const answerTimeoutMs = 5000;

/** On request, logs are cut to what is applied, on one node or on all, instead of when they have grown long. */
export class CompactionDriver {
  readonly #options: CompactionDriverOptions;

  constructor(options: CompactionDriverOptions) {
    this.#options = options;
  }

  /** Answers a request of another node, or null when `kind` is not this one. */
  onRequest(kind: string): Promise<Uint8Array> | null {
    if (kind !== compactRequestKind) return null;
    return Promise.resolve(Buffer.from(String(this.#options.compact())));
  }

  /** Throws ClusterError `unknown-node`. */
  async compact(only: NodeId | null): Promise<readonly CompactedLog[]> {
    const members = this.#options
      .members()
      .filter((member) => only === null || member.nodeId === only)
      .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
    if (members.length === 0) throw new ClusterError("unknown-node", "no such member");
    return Promise.all(
      members.map(async ({ nodeId, name }) => ({ name, index: await this.#compactOne(nodeId) })),
    );
  }

  async #compactOne(to: NodeId): Promise<number | null> {
    const { nodeId, transport, compact } = this.#options;
    if (to === nodeId) return compact();
    try {
      const answer = await transport.request(
        to,
        compactRequestKind,
        new Uint8Array(0),
        answerTimeoutMs,
      );
      return Number(Buffer.from(answer).toString("utf8"));
    } catch {
      // A node that is away cuts its own log when it has grown; whoever asked sees that it did not answer.
      return null;
    }
  }
}
