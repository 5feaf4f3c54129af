/**
 * Every bound of interest, forwarding and failure detection, with what happens when it is hit. Sizes in bytes, times in
 * milliseconds.
 */

export const interestLimits = {
  /** Keys that one node may want. More are refused and counted (`interest_rejected_full`). */
  keysMax: 1_000_000,
  /** UTF-8 size of one key: a topic filter of 65,535 bytes and what a shared one has before it. Longer: refused, counted. */
  keySizeBytesMax: 66_048,
  /** Operations a node remembers for peers that missed some; a peer further behind gets a snapshot. */
  ringOperationsMax: 65_536,
  /** Characters of all keys in that ring, so that long keys cannot fill the memory. */
  ringCharactersMax: 32 * 1024 * 1024,
  /** A delta is split into frames of about this size. */
  deltaSizeBytesMax: 60 * 1024,
  /** A pull is answered in pages of about this size. */
  pageSizeBytesMax: 960 * 1024,
  pullTimeoutMs: 5000,
  pullBackoffMinMs: 50,
  pullBackoffMaxMs: 1000,
  /** A snapshot that no peer asked about for so long is freed. */
  snapshotIdleMs: 10_000,
  /** A table whose digest is wrong is loaded again at most this often. */
  resyncIntervalMs: 5000,
  /** How long gossip of a removed node is refused. */
  certificateMs: 600_000,
  /** More certificates: the oldest goes first. */
  certificatesMax: 4096,
} as const;

export const forwardLimits = {
  /** Frames to one peer leave together in batches of about this size; a larger frame travels alone. */
  batchSizeBytesMax: 60 * 1024,
  /** Batches are written into pieces of memory of this size, one after the other. */
  slabSizeBytes: 256 * 1024,
  /** Larger frames are refused (`forward_dropped_too_large`): with its header a batch must fit the transport's 16 MiB. */
  frameSizeBytesMax: 16 * 1024 * 1024 - 1024,
  /**
   * Kept for a peer until it confirms; beyond it `forward` answers "dropped" (`forward_dropped_full`). At-most-once frames
   * are refused from the half of it on (`forward_dropped_slow`).
   */
  keptSizeBytesMax: 64 * 1024 * 1024,
  keptFramesMax: 100_000,
  /** Batches are confirmed together: so many, or what came within `confirmMs`. A confirmation costs both ends as much as a batch. */
  unconfirmedBatchesMax: 16,
  confirmMs: 10,
  /** How soon a lane tries again that the transport refused because its queue was full. */
  retryMs: 5,
} as const;

export const memberLimits = {
  /** Addresses remembered per member; the rest is not dialled. */
  addressesMax: 16,
  /** A DNS name has at most 253 characters. A longer address makes its frame or request malformed. */
  addressLengthMax: 262,
  /** Nodes whose addresses stand in one frame; more take several. */
  addressNodesPerFrameMax: 64,
  dialTimeoutMs: 3000,
  redialMinMs: 50,
  redialMaxMs: 2000,
  /** The longest pause between two dials of the addresses that the operator gave, while a member is not linked. */
  seedDialMs: 2000,
} as const;
