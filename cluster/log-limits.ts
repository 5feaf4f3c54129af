/** How much of the log is on its way at once: to followers, to the state, and before it is committed. */
export interface FlowLimits {
  readonly appendSizeBytesMax: number;
  readonly inflightAppendsMax: number;
  readonly inflightAppendSizeBytesMax: number;
  readonly uncommittedSizeBytesMax: number;
  readonly committedSizeBytesPerTurnMax: number;
}

/** Bounds of the log and of what waits for it. Bounds of links and routes are in limits.ts. */
export const logLimits = {
  /** Entry bytes in one append message; a larger entry travels alone. */
  appendSizeBytesMax: 512 * 1024,
  /** Append messages under way to one follower; beyond it the follower waits for its acknowledgements. */
  inflightAppendsMax: 64,
  inflightAppendSizeBytesMax: 8 * 1024 * 1024,
  /** Proposed and not yet committed at the leader; beyond it batches are turned away and their nodes send them again. */
  uncommittedSizeBytesMax: 64 * 1024 * 1024,
  /** Applied in one turn of the event loop; the rest waits for the next, so that clients are served in between. */
  committedSizeBytesPerTurnMax: 1024 * 1024,
  /** Records of one write handed to the disk in one turn: a microsecond each, and two or three on a busy machine. */
  recordsWrittenPerTurn: 8192,
  /** Changes waiting for the disk; beyond it the node takes nothing new from its log (`raft_storage_backlog_pauses`). */
  storageBacklogMax: 1024,
  /** Effects of entries wait for others to be joined with, until it is their node's turn to write: once in such a round... */
  effectsRoundMs: 400,
  /** ...and never longer than this and a slot for each voter before this one. What a crash takes of them is applied again from the log. */
  effectsDelayMs: 800,
  /** They leave earlier when they are so much... */
  effectsSizeBytesMax: 8 * 1024 * 1024,
  /** ...or so much where nobody else votes, who could go on meanwhile. */
  effectsAloneSizeBytesMax: 1024 * 1024,
  /** Of records that came and went so many, or as many bytes as those, are kept until they are let go together. */
  effectsLeftOutMax: 4096,
  logWindow: {
    sizeBytesMax: 64 * 1024 * 1024,
    entriesMax: 20_000,
    keptSizeBytes: 24 * 1024 * 1024,
    keptEntries: 10_000,
  },
  /** A file of the log; what comes behind it begins a new one. Files go as a whole, so that the log takes up to one more on the disk. */
  logFileSizeBytesMax: 16 * 1024 * 1024,
  /** Commands of one node in one entry. */
  batchSizeBytesMax: 256 * 1024,
  /** Batches of one node on their way through the log; more commands wait and share the next batch. */
  batchesInflightMax: 8,
  /** With so many under way what comes waits for the first of them, or until there is `gatheredSizeBytes` of it. */
  batchesUngatheredMax: 2,
  gatheredSizeBytes: 64 * 1024,
  /** Commands of one node not yet applied; beyond it proposals are rejected as "overloaded". */
  pendingSizeBytesMax: 64 * 1024 * 1024,
  /** One command; a larger one is rejected as "too-large". */
  commandSizeBytesMax: 8 * 1024 * 1024,
  /** State bytes per chunk of a snapshot stream. */
  snapshotChunkSizeBytes: 128 * 1024,
  /** Linearizable reads of this node without an answer; a further one is answered "overloaded". */
  readBarriersMax: 65_536,
  /** Snapshots to all followers together, unless the operator says otherwise; chunks wait for their turn. */
  snapshotBytesPerSecondMax: 64 * 1024 * 1024,
  /** How long the view of a transfer that was cut is kept for its rest; then the next one begins anew. */
  snapshotKeptMs: 60_000,
  /** Digests of the state at the newest log indexes, for comparison between nodes. */
  digestsKept: 8192,
} as const;
