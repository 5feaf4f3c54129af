import type { NodeId } from "./node-id.ts";
import type { OnceWrite } from "./storage/storage.ts";

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
  /**
   * As `put`, under a key that has no record and never has another one. What it answers makes deleting the record cheap as long as it
   * was not written. Left out where nothing waits to be written.
   */
  putOnce?(key: string, value: Uint8Array): OnceMark;
  /** `mark`: what `putOnce` answered for this key, if that is known. */
  delete(key: string, mark?: OnceMark): void;
}

/** Stands for one record that was put once; nobody but the writer looks into it. */
export type OnceMark = OnceWrite | null;

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
