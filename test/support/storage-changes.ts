import type { Configuration, Entry, SnapshotPoint } from "../../cluster/raft/types.ts";
import type { ClusterStorage, StateWrite, StorageChange } from "../../cluster/storage/storage.ts";

export const configuration: Configuration = {
  voters: ["a".repeat(32)],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
};

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

export function text(value: Uint8Array): string {
  return Buffer.from(value).toString();
}

/** Entries first..last of `term`, each with a payload that names it. */
export function entries(first: number, last: number, term = 1): Entry[] {
  const made: Entry[] = [];
  for (let index = first; index <= last; index++) {
    made.push({ term, index, type: 0, data: bytes(`entry ${index} of term ${term}`) });
  }
  return made;
}

export function point(index: number, term = 1): SnapshotPoint {
  return { index, term, configuration };
}

export function puts(records: Record<string, string | null>): StateWrite[] {
  return Object.entries(records).map(([key, value]) => ({
    key,
    value: value === null ? null : bytes(value),
  }));
}

export function applied(index: number, records: Record<string, string | null>, term = 1) {
  return { index, term, configuration, writes: puts(records) };
}

/** Resolves when the change is durable. */
export function written(
  storage: ClusterStorage,
  change: Omit<StorageChange, "groupId">,
): Promise<void> {
  return new Promise((resolve) => storage.write({ groupId: 0, ...change }, resolve));
}

export async function stateOf(storage: ClusterStorage): Promise<Record<string, string>> {
  const state: Record<string, string> = {};
  await storage.loadState((key, value) => {
    state[key] = text(value);
  });
  return state;
}

/** Entries in a form that compares whatever kind of byte array they hold. */
export function plain(list: readonly Entry[]): string[] {
  return list.map(({ index, term, type, data }) => `${index}/${term}/${type} ${text(data)}`);
}
