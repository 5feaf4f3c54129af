import type { NodeId } from "./node-id.ts";

/** Facts of the entry a command stands in; the same on every node. */
export interface CommandContext {
  readonly index: number;
  /** The leader's wall clock when it appended the entry, never decreasing along the log. The only clock `apply` may use. */
  readonly timeMs: number;
  /** The node that proposed. */
  readonly origin: NodeId;
}

export interface StateWriter {
  /**
   * `value` is not changed afterwards. `isNew`: there is no record under this key; with it a record that goes before it was written
   * to the disk never is.
   */
  put(key: string, value: Uint8Array, isNew?: boolean): void;
  delete(key: string): void;
}

export interface RecordsDigest {
  add(key: string, value: Uint8Array): void;
  digest(): string;
}

/**
 * What the layer above replicates. `apply` is synchronous and deterministic: same commands, same state, same results
 * on every node and on every replay. A throw is a bug and ends the process, since replicas would diverge.
 * All persistent state goes through `writer`; `restore` gets it back key by key after a restart or a snapshot.
 */
export interface StateMachine {
  /** The result reaches the proposer's callback, on the proposing node only. */
  apply(command: Uint8Array, context: CommandContext, writer: StateWriter): unknown;
  /** A member started anew (its incarnation was raised): what it held in memory only is gone. */
  nodeStarted(
    nodeId: NodeId,
    incarnation: number,
    context: CommandContext,
    writer: StateWriter,
  ): void;
  /** A member was removed for good; its id never returns. */
  nodeRemoved(nodeId: NodeId, context: CommandContext, writer: StateWriter): void;
  /** Empties the state before `restore` is called for each record. */
  reset(): void;
  restore(key: string, value: Uint8Array): void;
  /** All records were restored. */
  restored(): void;
  /** Order-independent digest of all records, hex; equal on replicas at the same index. */
  digest(): string;
  /**
   * An empty digest for records as they stand on disk: with all of them added it equals `digest()`. Left out, disks are
   * not compared.
   */
  recordsDigest?(): RecordsDigest;
}
