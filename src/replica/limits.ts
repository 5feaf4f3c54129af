/**
 * Bounds of the replicated state. Constants and not options: every node must decide alike, or the replicas part (those of one session's
 * queue are options, because its claim carries them). What goes beyond is ignored on every node and counted (the names are `Replica.metrics`).
 */
export const replicaLimits = {
  /** Further topics are not retained: the result has version 0. Replacing and clearing always work. */
  retainedMax: 2_000_000,
  /** Sum over all retained messages of topic and record, in bytes; as above. */
  retainedSizeBytesMax: 4 * 1024 * 1024 * 1024,
  devicesMax: 1_000_000,
  attributesPerDeviceMax: 256,
  /** Of a device and of an attribute, in UTF-16 units. */
  nameLengthMax: 1_024,
  /** UTF-8 size of one attribute's value as JSON, after merging. */
  valueSizeBytesMax: 64 * 1024,
  /** Further identifiers are not claimed: the result has epoch 0. */
  clientsMax: 10_000_000,
  /** Sessions that outlive their connections; a further one is not claimed: the result has epoch 0. */
  storedSessionsMax: 1_000_000,
  /** One more is refused with "quota exceeded". */
  subscriptionsPerSessionMax: 10_000,
  /** Messages that wait for one session whose claim names no bounds; a further one is not kept for it and counted. */
  queuedMessagesMax: 10_000,
  /** Sum of their topics, payloads and 256 bytes each; as above. */
  queuedSizeBytesMax: 64 * 1024 * 1024,
  /** While a session is connected it may have at least so many: they are under way rather than waiting. */
  underWayMessagesMax: 1_000,
  /** As above, by size. */
  underWaySizeBytesMax: 16 * 1024 * 1024,
  /** Sum over all stored messages, each counted once; beyond it a message that a session waits for is not acknowledged. */
  storedSizeBytesMax: 4 * 1024 * 1024 * 1024,
  /** A message that waits longer for a session whose claim names no bounds goes: 30 days. */
  storedAgeSecondsMax: 30 * 24 * 3600,
  /** Expired retained messages, attributes, sessions, delayed Wills and queued messages, of each so many, removed with each applied command; keeps one apply short when very many expire at once. */
  expiredPerApplyMax: 64,
} as const;

export type ReplicaLimits = { readonly [name in keyof typeof replicaLimits]: number };
