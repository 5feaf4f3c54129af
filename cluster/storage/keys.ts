import type { GroupId, LogIndex } from "../raft/types.ts";

/** The registry of key prefixes: everything that stands in the database, and nothing else does. */
export const prefix = {
  /** Log entries, `l/<group>/<index>`: see log-record.ts. */
  log: "l",
  /** Replicated state, `s/<group>/<generation>/<key>`: sealed bytes. */
  state: "s",
  /** Raft's hard state, `h/<group>`. */
  hardState: "h",
  /** Index, term and configuration up to which the state holds all effects, `a/<group>`. */
  applied: "a",
  /** The point up to which the log is replaced by state, and the chain there, `p/<group>`. */
  snapshot: "p",
  /** Which generation of state is the live one, `g/<group>`. */
  generation: "g",
  /** The last truncation of the log, for judging an older floor, `t/<group>`. */
  truncation: "t",
  /** Identity of the node, `n`. */
  node: "n",
  /** Starts of this directory, `i`. */
  incarnation: "i",
  /** Number of the last batch of the write stream, `q`; in every batch. */
  sequence: "q",
  /** Version of this layout, `v`. */
  format: "v",
} as const;

/** Raised when keys or records change their meaning. */
export const formatVersion = 1;

/** Sixteen decimal digits hold every integer below 2^53 and sort as text in the order of the numbers. */
const indexDigits = 16;

export interface KeyRange {
  readonly gte: string;
  readonly lt: string;
}

export function logKey(group: GroupId, index: LogIndex): string {
  return `${prefix.log}/${group}/${String(index).padStart(indexDigits, "0")}`;
}

export function logRange(group: GroupId): KeyRange {
  return under(`${prefix.log}/${group}/`);
}

export function statePrefix(group: GroupId, generation: number): string {
  return `${prefix.state}/${group}/${generation}/`;
}

export function stateRange(group: GroupId, generation: number): KeyRange {
  return under(statePrefix(group, generation));
}

export function groupKey(
  kind: "hardState" | "applied" | "snapshot" | "generation" | "truncation",
  group: GroupId,
): string {
  return `${prefix[kind]}/${group}`;
}

/** All keys that start with `start`, which ends with a slash: "0" is the character after "/". */
export function under(start: string): KeyRange {
  return { gte: start, lt: `${start.slice(0, -1)}0` };
}
