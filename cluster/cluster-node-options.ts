import type { AgreedState } from "./agreed/agreed-state.ts";
import type { LogWindowLimits } from "./agreed/log-window.ts";
import type { MemberRecord } from "./agreed/member-record.ts";
import type { DiskSpace } from "./drivers/disk-watch.ts";
import type { KnownPeers } from "./drivers/known-peers.ts";
import type { FlowLimits } from "./log-limits.ts";
import type { ClusterOptions } from "./options.ts";
import type { Counters } from "./ports.ts";
import type { ClusterStorage, NodeRecord, StorageRestore } from "./storage/storage.ts";
import type { LinkEvent, Transport } from "./transport/transport.ts";

/** What a member is made of, once it is known of which cluster. */
export interface ClusterNodeOptions extends ClusterOptions {
  readonly storage: ClusterStorage;
  readonly transport: Transport;
  readonly counters: Counters;
  readonly restore: StorageRestore;
  readonly record: NodeRecord;
  readonly agreed: AgreedState;
  /** Links that opened while the node was looking for its cluster. */
  readonly openLinks: readonly LinkEvent[];
  /** Whom to talk to until the log says who the members are. */
  readonly knownMembers: readonly MemberRecord[];
  readonly logWindow: LogWindowLimits;
  /** Left out: those of `logLimits`. */
  readonly flow?: FlowLimits | undefined;
  /** Called with the members at every change of them. */
  readonly remember: (peers: KnownPeers) => void;
  /** Makes the next start set the database aside; left out where nothing outlives the process. */
  readonly condemn?: ((reason: string) => Promise<void>) | undefined;
  readonly diskSpace?: (() => Promise<DiskSpace>) | undefined;
}
