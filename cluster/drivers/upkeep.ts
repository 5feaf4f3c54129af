import type { AgreedState } from "../agreed/agreed-state.ts";
import type { ClusterError } from "../errors.ts";
import type { NodeId } from "../node-id.ts";
import type { Clock, Log } from "../ports.ts";
import type { ClusterStatus } from "../status.ts";
import type { ClusterStorage } from "../storage/storage.ts";
import type { Transport } from "../transport/transport.ts";
import { type CompactedLog, CompactionDriver } from "./compaction-driver.ts";
import type { Consensus } from "./consensus.ts";
import { VerifyDriver } from "./verify-driver.ts";

export interface UpkeepOptions {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly transport: Transport;
  readonly storage: ClusterStorage;
  readonly agreed: AgreedState;
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly log: Log;
  readonly status: () => Promise<ClusterStatus>;
  readonly condemn?: ((reason: string) => Promise<void>) | undefined;
  readonly onFatal: (error: Error) => void;
}

/** What a node does for its data beside agreeing on it: proves it, and cuts its log on request. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #verify: VerifyDriver;
  readonly #compaction: CompactionDriver;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    const { consensus, agreed } = options;
    this.#verify = new VerifyDriver({
      ...options,
      digests: consensus.driver.digests,
      isVoter: (nodeId) => consensus.status().configuration.voters.includes(nodeId),
      readBarrier: (timeoutMs) => consensus.reads.wait(timeoutMs),
      appliedIndex: () => consensus.driver.appliedIndex,
      condemned: (error) => this.#condemned(error),
    });
    this.#compaction = new CompactionDriver({
      ...options,
      members: () => agreed.members(),
      compact: () => consensus.driver.compact(),
    });
  }

  /** Answers a request of another node, or null when `kind` is not one of these. */
  onRequest(kind: string, payload: Uint8Array): Promise<Uint8Array> | null {
    return this.#compaction.onRequest(kind) ?? this.#verify.onRequest(kind, payload);
  }

  verify(): Promise<ClusterStatus> {
    return this.#verify.verify();
  }

  compact(only: NodeId | null): Promise<readonly CompactedLog[]> {
    return this.#compaction.compact(only);
  }

  /** The mark first: what ends without it would come back with the same wrong content. */
  #condemned(error: ClusterError): void {
    const { log, condemn, onFatal } = this.#options;
    log.error(
      { reason: error.message },
      "the content of this node is wrong; it ends and starts anew",
    );
    const marked = condemn?.(error.message) ?? Promise.resolve();
    marked.then(() => onFatal(error), onFatal);
  }
}
