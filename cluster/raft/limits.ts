/** Bounds of the core that are not options: nobody has a reason to tune them. */
export const raftLimits = {
  /** Read requests without an answer, at a leader (its own and its followers') or forwarded by a follower; more are dropped. */
  readsWaitingMax: 65_536,
  /** Rounds of heartbeats that confirm reads at one time; further reads share the next round. */
  readRoundsMax: 8,
} as const;
