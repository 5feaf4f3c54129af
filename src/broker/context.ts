import type { Clock, Cluster, Log } from "#cluster";
import type { ApplicationMessage } from "../mqtt/message.ts";
import type { AttributeUpdate, ReplicaQueries } from "../replica/replica-api.ts";
import type { RouterCore } from "../routing/routing-api.ts";
import type { ShareStrategy } from "../routing/share-strategy.ts";
import type { Authenticator, Authorizer } from "./access.ts";
import type { AcknowledgeLatency } from "./acknowledge-latency.ts";
import type { ClientHistory } from "./client-history.ts";
import type { BrokerCounters } from "./counters.ts";
import type { DeadlineWheel } from "./deadline-wheel.ts";
import type { Destination } from "./destination.ts";
import type { BrokerLimits } from "./limits.ts";
import type { RetainedTurns } from "./retained-turns.ts";

/** Which topics carry device state; `compilePatterns` makes one. */
export interface DevicePatterns {
  /** Null when the topic carries no device state; then nobody looks at the payload. */
  updateFrom(topic: string, message: Pick<ApplicationMessage, "payload">): AttributeUpdate | null;
}

/** "strict": nothing is acknowledged without a quorum; "available": what no stored session waits for, as far as this node knows. */
export type PartitionMode = "strict" | "available";

/** What the parts of one broker share. */
export interface BrokerContext {
  readonly cluster: Cluster;
  readonly replica: ReplicaQueries;
  readonly router: RouterCore<Destination>;
  readonly patterns: DevicePatterns;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  /** What QoS 1/2 to sessions that end with their connection needs to be acknowledged (DESIGN section 6). */
  readonly partitionMode: PartitionMode;
  /** The router has it, too; here for the messages that the log shares out. */
  readonly shareStrategy: ShareStrategy;
  readonly limits: BrokerLimits;
  readonly counters: BrokerCounters;
  readonly latency: AcknowledgeLatency;
  readonly wheel: DeadlineWheel;
  readonly retainedTurns: RetainedTurns;
  readonly clock: Clock;
  readonly log: Log;
  readonly history: ClientHistory;
}
