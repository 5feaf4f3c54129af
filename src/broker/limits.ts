import type { SessionLimits } from "../session/session-api.ts";

/**
 * Every bound of the broker in one place. What happens when one is hit stands behind its name, with the counter that
 * tells of it.
 */
export interface BrokerLimits {
  /** Open client connections, with or without a session. Beyond: closed at once; `connectionsRefused`. */
  readonly connectionsMax: number;
  /** Connections that have not sent CONNECT yet. Beyond: closed at once; `connectionsRefused`. */
  readonly pendingConnectionsMax: number;
  /** Sockets of the WebSocket port that have not been upgraded yet. Beyond: closed at once; `upgradesRefused`. */
  readonly pendingUpgradesMax: number;
  /** New connections per second, with a burst of the same size. Beyond: closed at once; `connectionsRefused`. */
  readonly connectionsPerSecondMax: number;
  /** A connection without CONNECT after this long is closed; `connectTimeouts`. */
  readonly connectTimeoutMs: number;
  /** A client that does not answer an AUTH for this long is refused with 0x87; `authenticationTimeouts`. */
  readonly authenticationTimeoutMs: number;
  /** Sessions connected to this node. Beyond: CONNACK 0x97; `sessionsRefused`. */
  readonly sessionsMax: number;
  /** Caps the session expiry interval (told in CONNACK); 0xFFFFFFFF = no cap. MQTT 3.1.1 sessions end after this, too. */
  readonly sessionExpirySecondsMax: number;
  /** Caps keep alive (told as Server Keep Alive to MQTT 5); 0 = no cap. Keep alive 0 of MQTT 3.1.1 is accepted as it is. */
  readonly keepAliveSecondsMax: number;
  /** Whole control packet. Beyond: DISCONNECT 0x95; `packetsTooLarge`. */
  readonly maximumPacketSizeBytes: number;
  /** Subscriptions of one session. Beyond: SUBACK 0x97; `subscriptionsRefused`. */
  readonly subscriptionsPerSessionMax: number;
  /** Bytes waiting for one client above which it counts as congested: QoS 0 is dropped, QoS 1/2 waits. */
  readonly congestedSizeBytes: number;
  /** Bytes waiting for one client above which it is disconnected with 0x97; `slowConsumers`. */
  readonly outputSizeBytesMax: number;
  /** A congested client whose socket takes nothing for this long is disconnected with 0x97; `slowConsumers`. */
  readonly stalledMs: number;
  /** After our last bytes the socket is read this long, so that the client sees the reason, then destroyed. */
  readonly lingerMs: number;
  /** Milliseconds of a turn of the event loop in which what clients sent is read. The rest waits for the next turns; `readsDeferred`. */
  readonly readingTurnMs: number;
  /** What is read of a client in a turn, about. It has sent more then, and the others are read first: until the next turn; `readsRested`. */
  readonly readSizeBytes: number;
  /** A client that has more to send than `readSizeBytes` in a turn was read for so long within `busyClientRestMs`, or one turn: it rests while other clients of the node publish. */
  readonly busyClientShareMs: number;
  /** How long it is not read then, at most; 0 = never; `busyClientsRested`. */
  readonly busyClientRestMs: number;
  /** From the begin of a turn to that of the next one while thousands of messages a second come from clients that publish now and then; `turnsSpaced`. */
  readonly turnSpacingMs: number;
  /** Messages of one publisher that wait for the log. Beyond: its socket is not read until half of them are settled. */
  readonly publishesWaitingMax: number;
  /** Live messages held back while retained messages are sent first. Beyond: the oldest is delivered at once; `heldOverflows`. */
  readonly heldMessagesMax: number;
  /** After a SUBSCRIBE, live messages older than its retained ones are dropped for this long; `heldSuperseded`. */
  readonly latecomersMs: number;
  /** Retained messages handed to one session per turn of the event loop; the rest waits for the next turn. */
  readonly retainedPerTurn: number;
  /** Topics looked at for them per turn, whether they match or not; the rest waits for the next turn. */
  readonly retainedStepsPerTurn: number;
  /** While a snapshot replaces the state, a walk over retained messages looks again so often whether it may go on. */
  readonly retainedPausedMs: number;
  /** Milliseconds of a turn in which retained messages are handed to sessions, whichever they are; the other sessions wait for the next turns. */
  readonly retainedTurnMs: number;
  /** Retained messages sent to one session whose version is above the log index of its SUBSCRIBE. Beyond: late live ones follow them. */
  readonly newerCopiesMax: number;
  /** Device updates, and publishers whose value was joined with one, that the log has not answered. Beyond: not kept; `publishOverloaded`. */
  readonly stateUpdatesWaitingMax: number;
  /** Their payloads and 64 bytes each, about. Beyond: as above. */
  readonly stateUpdatesSizeBytesMax: number;
  /** Device updates in one command. The rest goes with the next. */
  readonly stateUpdatesPerCommand: number;
  /** Their payloads and 64 bytes each, about. The rest goes with the next command; a larger one goes alone. */
  readonly stateCommandSizeBytes: number;
  /**
   * Shortest time between two batches of device updates: newer values of an attribute replace older ones in it. Also the longest that the
   * next one waits behind one that took long, for those whom it answered.
   */
  readonly stateCoalesceMs: number;
  /** Requests to shadows that wait for the log. Beyond: answered 429; `shadowRequestsRejected`. */
  readonly shadowRequestsWaitingMax: number;
  /** How long an acknowledgement may wait for the log. Beyond: MQTT 5 DISCONNECT, MQTT 3.1.1 closed; `publishTimeouts`. */
  readonly commitTimeoutMs: number;
  /** How long a clean CONNECT waits for its claim before it is accepted all the same; `provisionalConnects`. */
  readonly provisionalConnectMs: number;
  /** How long CONNACK waits for the client's old node to close its connection there and to bring what it acknowledged to the log. Beyond: `takeoversUnanswered`. */
  readonly takeoverMs: number;
  /** Sessions whose acknowledgements share one command. The rest waits for the next. */
  readonly settlementsPerCommand: number;
  /** How long SUBACK waits for the other nodes to know the subscription. Beyond: `interestTimeouts`. */
  readonly interestBarrierMs: number;
  /** How long SUBACK waits to read the retained messages in step with the log. Beyond: local copy; `staleRetainedReads`. */
  readonly readBarrierMs: number;
  /**
   * Ended connections of which the log does not know yet, and as many claims that were given up and that it may have. Beyond: it learns
   * when the node restarts; `disconnectsDropped`.
   */
  readonly disconnectsWaitingMax: number;
  /** Nodes named in a Server Reference while this one is drained. The rest is named to other clients. */
  readonly serverReferencesMax: number;
  /** Granularity of keep alive, expiry and will delay; nothing of them comes early, all at most this late. */
  readonly tickMs: number;
  readonly session: SessionLimits;
}

export const defaultBrokerLimits: BrokerLimits = {
  connectionsMax: 100_000,
  pendingConnectionsMax: 10_000,
  pendingUpgradesMax: 2000,
  connectionsPerSecondMax: 20_000,
  connectTimeoutMs: 10_000,
  authenticationTimeoutMs: 10_000,
  sessionsMax: 200_000,
  sessionExpirySecondsMax: 7 * 24 * 3600,
  keepAliveSecondsMax: 0,
  maximumPacketSizeBytes: 1024 * 1024,
  subscriptionsPerSessionMax: 10_000,
  congestedSizeBytes: 4 * 1024 * 1024,
  outputSizeBytesMax: 16 * 1024 * 1024,
  stalledMs: 60_000,
  lingerMs: 2_000,
  readingTurnMs: 20,
  readSizeBytes: 32 * 1024,
  busyClientShareMs: 0.05,
  busyClientRestMs: 1,
  turnSpacingMs: 0.4,
  publishesWaitingMax: 2_000,
  heldMessagesMax: 10_000,
  latecomersMs: 30_000,
  retainedPerTurn: 250,
  retainedStepsPerTurn: 2_000,
  retainedPausedMs: 100,
  retainedTurnMs: 5,
  newerCopiesMax: 10_000,
  stateUpdatesWaitingMax: 200_000,
  stateUpdatesSizeBytesMax: 64 * 1024 * 1024,
  stateUpdatesPerCommand: 2_000,
  stateCommandSizeBytes: 128 * 1024,
  stateCoalesceMs: 100,
  shadowRequestsWaitingMax: 10_000,
  commitTimeoutMs: 10_000,
  provisionalConnectMs: 400,
  takeoverMs: 1_000,
  settlementsPerCommand: 1_000,
  interestBarrierMs: 250,
  readBarrierMs: 2_000,
  disconnectsWaitingMax: 100_000,
  serverReferencesMax: 8,
  tickMs: 100,
  session: {
    queuedMessagesMax: 10_000,
    queuedSizeBytesMax: 64 * 1024 * 1024,
    queuedAgeSecondsMax: 30 * 24 * 3600,
    queuedDrop: "newest",
    receiveMaximum: 1_000,
    topicAliasMaximum: 64,
    outboundTopicAliasMax: 64,
  },
};

/** Clients whose events are kept; the one that was quiet the longest is forgotten; `clientHistoriesForgotten`. */
export const clientHistoriesMax = 10_000;
/** Events of one client; the oldest go. */
export const clientEventsMax = 50;
/** Commands of the HTTP API that wait for an answer at once; a further one is refused. */
export const repliesWaitingMax = 1000;
/** Topics and client identifiers of forwarded messages kept as strings, 64 bytes each at most; one that falls on another's place takes it. */
export const forwardTextsMax = 4096;
