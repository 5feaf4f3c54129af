/** Bounds of the ports for clients; `docs/limits.md` says what happens at each. */
export const listenerLimits = {
  /** A shared port that could not be opened again is tried so often. */
  reopenIntervalMs: 1000,
} as const;
