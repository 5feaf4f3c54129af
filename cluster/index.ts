/** The one door of the cluster library: consensus, interest and links for a node; bytes and keys, no MQTT. */
export type {
  Cluster,
  InterestChange,
  InterestHandler,
  MemberView,
  ProposalOutcome,
  ReadOutcome,
} from "./cluster-api.ts";
export type { CompactedLog } from "./drivers/compaction-driver.ts";
export { systemClock, timeHeldMs } from "./drivers/system-clock.ts";
export { ClusterError, type ClusterErrorCode } from "./errors.ts";
export { Histogram, latencyBoundsSeconds } from "./histogram.ts";
export { stopRisks } from "./members/stop-risks.ts";
export type { NodeId } from "./node-id.ts";
export {
  type ClusterOptions,
  type ClusterTimings,
  defaultTimings,
  type Formation,
} from "./options.ts";
export type { Cancel, Clock, Log, Random } from "./ports.ts";
export { Counters } from "./ports.ts";
export { startCluster } from "./start-cluster.ts";
export type { StartingCluster } from "./start-node.ts";
export type {
  CommandContext,
  OnceMark,
  RecordsDigest,
  StateMachine,
  StateWriter,
} from "./state-machine.ts";
export type { ClusterStatus, LinkStatus, NodeFigures, NodeStatus } from "./status.ts";
export { isWriteAfterClose } from "./transport/libp2p-muxer.ts";
export type { LinkStats } from "./transport/transport.ts";
