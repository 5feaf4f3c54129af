import type { HardState, SnapshotPoint } from "../../raft/types.ts";

/** A snapshot is committed, and in its term, if that is later than what the node knew, the node has not voted. */
export function withSnapshot(
  hardState: HardState,
  { index, term }: Pick<SnapshotPoint, "index" | "term">,
): HardState {
  const commit = Math.max(hardState.commit, index);
  return hardState.term < term ? { term, vote: null, commit } : { ...hardState, commit };
}
