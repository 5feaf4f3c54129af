import { ClusterError } from "../errors.ts";
import type { LogIndex } from "../raft/types.ts";

/** What is damaged: a key or file, the log index concerned if there is one, and why we say so. */
export function corrupt(
  record: string,
  index: LogIndex | null,
  reason: string,
  cause?: unknown,
): ClusterError {
  const where = index === null ? record : `${record} (index ${index})`;
  return new ClusterError(
    "storage-corrupt",
    `stored data is damaged: ${where}: ${reason}`,
    { record, index, reason },
    cause,
  );
}
