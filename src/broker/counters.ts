import type { DropReason } from "../session/session-api.ts";
import type { RefusalReason } from "./access.ts";

/**
 * What the broker counted since it started. Plain number fields, because they are bumped per message;
 * `docs/metrics.md` lists them under these names.
 */
export class BrokerCounters {
  /** Every control packet, and all bytes of the sockets. */
  packetsReceived = 0;
  packetsSent = 0;
  bytesReceived = 0;
  bytesSent = 0;

  publishReceived = 0;
  publishBytesReceived = 0;
  publishSent = 0;
  publishBytesSent = 0;
  /** Refused or timed out on the way in. */
  publishDropped = 0;
  publishTimeouts = 0;
  publishOverloaded = 0;
  publishNotAuthorized = 0;
  /** The retained message had another version than the publisher expected. */
  publishConflicts = 0;

  /** Deliveries that a session gave up, by reason. */
  droppedQueueFull = 0;
  droppedQueueSize = 0;
  droppedQueueAge = 0;
  droppedExpired = 0;
  droppedPacketTooLarge = 0;
  droppedNotConnected = 0;
  droppedSlowConsumer = 0;

  forwardSent = 0;
  forwardReceived = 0;
  forwardDropped = 0;
  forwardMalformed = 0;
  sharesRepicked = 0;
  sharesMissed = 0;

  connectionsAccepted = 0;
  connectionsRefused = 0;
  connectionsRateRefused = 0;
  upgradesRefused = 0;
  connectTimeouts = 0;
  readsDeferred = 0;
  readsRested = 0;
  busyClientsRested = 0;
  turnsSpaced = 0;
  connectsAccepted = 0;
  connectsRefused = 0;
  connectsNotAuthorized = 0;
  /** Those of them refused by authentication, by reason. */
  connectsAnonymousRefused = 0;
  connectsUnknownUser = 0;
  connectsWrongPassword = 0;
  connectsClientIdNotOwn = 0;
  connectsAuthenticationBusy = 0;
  connectsAuthenticationMalformed = 0;
  /** Enhanced authentication: methods nobody knows, exchanges that stopped, and those on live connections. */
  connectsUnknownMethod = 0;
  authenticationTimeouts = 0;
  reauthentications = 0;
  reauthenticationsFailed = 0;
  /** Connections ended because their user was removed or has another password. */
  clientsUserChanged = 0;
  provisionalConnects = 0;
  /** While the node is drained: CONNECTs sent elsewhere, and connections ended for it. */
  connectsRedirected = 0;
  clientsDrained = 0;
  keepAliveTimeouts = 0;
  malformedPackets = 0;
  protocolErrors = 0;
  packetsTooLarge = 0;
  slowConsumers = 0;

  takeovers = 0;
  /** Clients whose events were let go for those of others. */
  clientHistoriesForgotten = 0;
  /** Answers to commands that came too late, twice, or that nobody asked for. */
  repliesUnclaimed = 0;
  sessionsRefused = 0;
  sessionsResumed = 0;
  /** The old node of a client did not say in time that its connection is closed. */
  takeoversUnanswered = 0;
  /** Acknowledgements of stored sessions that had to be said to the log again. */
  settlementsRepeated = 0;
  disconnectsDropped = 0;

  subscribes = 0;
  unsubscribes = 0;
  subscriptionsRefused = 0;
  subscribeNotAuthorized = 0;
  interestTimeouts = 0;
  staleRetainedReads = 0;
  retainedSent = 0;
  heldOverflows = 0;
  heldSuperseded = 0;

  stateUpdates = 0;
  stateUpdatesCoalesced = 0;
  shadowRequests = 0;
  shadowRequestsRejected = 0;
  /** By this node alone, for connections that the log does not know. */
  willsPublished = 0;
  internalErrors = 0;

  dropped(reason: DropReason): void {
    switch (reason) {
      case "queue-full":
        this.droppedQueueFull++;
        break;
      case "queue-size":
        this.droppedQueueSize++;
        break;
      case "queue-age":
        this.droppedQueueAge++;
        break;
      case "expired":
        this.droppedExpired++;
        break;
      case "packet-too-large":
        this.droppedPacketTooLarge++;
        break;
      case "not-connected":
        this.droppedNotConnected++;
        break;
      case "slow-consumer":
        this.droppedSlowConsumer++;
        break;
    }
  }

  refused(reason: RefusalReason): void {
    switch (reason) {
      case "anonymous":
        this.connectsAnonymousRefused++;
        break;
      case "unknown-user":
        this.connectsUnknownUser++;
        break;
      case "wrong-password":
        this.connectsWrongPassword++;
        break;
      case "client-id":
        this.connectsClientIdNotOwn++;
        break;
      case "busy":
        this.connectsAuthenticationBusy++;
        break;
      case "malformed":
        this.connectsAuthenticationMalformed++;
        break;
    }
  }

  /** Name -> value of every counter, for metrics and status. */
  entries(): ReadonlyMap<string, number> {
    return new Map(Object.entries(this) as [string, number][]);
  }
}
