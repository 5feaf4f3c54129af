import type { GroupId } from "../raft/types.ts";

/** The registry of key prefixes: everything that stands in the database, and nothing else does. The log stands in files of its own (log/). */
export const prefix = {
  /** Replicated state, `s/<group>/<generation>/<key>`: sealed bytes. */
  state: "s",
  /** Index, term and configuration up to which the state holds all effects, `a/<group>`. */
  applied: "a",
  /** The point up to which the log is replaced by state, and the chain there, `p/<group>`. */
  snapshot: "p",
  /** Which generation of state is the live one, `g/<group>`. */
  generation: "g",
  /** Identity of the node, `n`. */
  node: "n",
  /** Starts of this directory, `i`. */
  incarnation: "i",
  /** Number of the last batch, `q`; in every batch. */
  sequence: "q",
  /** Version of this layout, `v`. */
  format: "v",
} as const;

/** Raised when keys or records change their meaning. */
export const formatVersion = 2;

export interface KeyRange {
  readonly gte: string;
  readonly lt: string;
}

export function statePrefix(group: GroupId, generation: number): string {
  return `${prefix.state}/${group}/${generation}/`;
}

export function stateRange(group: GroupId, generation: number): KeyRange {
  return under(statePrefix(group, generation));
}

export function groupKey(kind: "applied" | "snapshot" | "generation", group: GroupId): string {
  return `${prefix[kind]}/${group}`;
}

/** All keys that start with `start`, which ends with a slash: "0" is the character after "/". */
export function under(start: string): KeyRange {
  return { gte: start, lt: `${start.slice(0, -1)}0` };
}
