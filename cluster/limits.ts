/**
 * Every bound of the links between nodes in one place, with what happens when it is hit.
 */
export interface TransportLimits {
  /** A larger frame is refused with `frame-too-large`; a peer that announces one is disconnected, with a log line. */
  readonly frameSizeBytesMax: number;
  /** Bytes waiting in a channel to one peer; beyond it `send` answers "full" and counts the frame as dropped. */
  readonly raftQueueSizeBytesMax: number;
  readonly controlQueueSizeBytesMax: number;
  readonly forwardQueueSizeBytesMax: number;
  /** Bytes of requests and answers waiting for one peer; beyond it a request fails with `queue-full`. */
  readonly requestQueueSizeBytesMax: number;
  /** Requests to one peer without an answer; one more fails with `queue-full`. The same number is served at once. */
  readonly requestsOutstandingMax: number;
  /** Bulk transfers to one peer at a time; one more fails with `queue-full`, and its sender tries again later. */
  readonly bulkTransfersMax: number;
  /** Bytes of a bulk transfer read ahead of its consumer; beyond it the stream is paused until some are taken. */
  readonly bulkReadAheadSizeBytesMax: number;
  /** A larger broadcast is dropped by its sender, counted and logged: what must arrive goes over a channel. */
  readonly broadcastSizeBytesMax: number;
  /** From the connection to the verified hello; a slower peer is cut off and counted as refused. */
  readonly handshakeTimeoutMs: number;
  /** How long an existing link has to answer before a new one between the same nodes takes its place. */
  readonly probeTimeoutMs: number;
  /** How long a goodbye may take; after it the connection is cut and the peer sees `reset`. */
  readonly closeTimeoutMs: number;
  /** Connections of this node; beyond it new ones are refused (libp2p's default of 300 is too few for a large flock). */
  readonly connectionsMax: number;
  /** Connections that came in and have no verified hello yet; more are refused (libp2p: 10, a mass restart would starve). */
  readonly pendingConnectionsMax: number;
  /** Of those from one address; more are refused. A peer that meant well dials again. */
  readonly pendingPerAddressMax: number;
  /** New connections per second and address; more are refused (default 5: nodes of one host would be locked out). */
  readonly connectionsPerSecondMax: number;
  /** Dials under way; further ones wait for their turn, as long as their own deadline lets them. */
  readonly dialsMax: number;
  /** Ports tried after the one asked for, when that is taken and not fixed; then `port-taken`. */
  readonly portsTriedMax: number;
  /** Addresses remembered so that a refusal is logged once a minute for each; the oldest is forgotten. */
  readonly loggedAddressesMax: number;
}

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

export const defaultTransportLimits: TransportLimits = {
  frameSizeBytesMax: 16 * mebibyte,
  raftQueueSizeBytesMax: 64 * mebibyte,
  controlQueueSizeBytesMax: 16 * mebibyte,
  forwardQueueSizeBytesMax: 64 * mebibyte,
  requestQueueSizeBytesMax: 64 * mebibyte,
  requestsOutstandingMax: 1024,
  bulkTransfersMax: 4,
  bulkReadAheadSizeBytesMax: mebibyte,
  broadcastSizeBytesMax: mebibyte - 4 * kibibyte,
  handshakeTimeoutMs: 5000,
  probeTimeoutMs: 1000,
  closeTimeoutMs: 1000,
  connectionsMax: 2048,
  pendingConnectionsMax: 256,
  pendingPerAddressMax: 64,
  connectionsPerSecondMax: 1000,
  dialsMax: 256,
  portsTriedMax: 200,
  loggedAddressesMax: 1024,
};

/** One write to a stream costs about 15 us however small it is, so frames leave in chunks of up to this size. */
export const chunkSizeBytesMax = 64 * kibibyte;

/**
 * What a peer may send before the encryption stands: its own part takes less than 1 KiB, and each line of somebody else's talk costs an
 * answer. More ends the connection.
 */
export const unencryptedSizeBytesMax = 8 * kibibyte;

/** A handshake frame of a peer that is not verified yet; a larger one ends the connection. */
export const handshakeFrameSizeBytesMax = 64 * kibibyte;

/** Yamux: a stream starts with this window, which both ends must know (the protocol's own 256 KiB)... */
export const streamWindowStartSizeBytes = 256 * kibibyte;

/** ...grows up to this one where the round trip asks for it; the sender then waits... */
export const streamWindowSizeBytesMax = 8 * mebibyte;

/** ...and is given back, as it is read, in so many pieces, each a frame of its own. */
export const piecesPerStreamWindow = 4;

/** Must exceed the window: libp2p aborts a paused stream whose unread bytes pass this (default 4 MiB). */
export const streamUnreadSizeBytesMax = 2 * streamWindowSizeBytesMax;

/** Streams of one protocol on one connection, each direction; one more is reset by libp2p. */
export const streamsPerProtocolMax = 16;

/** Streams on one connection, all protocols together; one more is reset by yamux. */
export const streamsPerConnectionMax = 128;

/** Bytes of broadcasts waiting for one peer; beyond it gossipsub's stream to that peer is reset, which ends the link. */
export const broadcastQueueSizeBytesMax = 16 * mebibyte;

/** Characters of a failure's message that travel back to a requester or a sender; longer text is cut. */
export const failureMessageLengthMax = 1024;
