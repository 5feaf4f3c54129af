import { defaultGroup, type SnapshotPoint } from "../raft/types.ts";
import { groupKey, statePrefix, stateRange } from "./keys.ts";
import { type Database, type DatabaseSnapshot, storageError } from "./level-open.ts";
import type { AppliedRecord } from "./records.ts";
import { unseal, unsealJson } from "./sealed.ts";
import type { StateView, StateWrite } from "./storage.ts";

const recordsPerRead = 256;

/**
 * State, applied record and generation are read through one LevelDB snapshot, taken in one call. LevelDB shows a synced batch
 * to readers only after its sync, so that what the snapshot holds is durable; what is deleted later stays visible in it.
 */
export async function openLevelStateView(database: Database): Promise<StateView | null> {
  const snapshot = database.snapshot();
  try {
    const applied = await read<AppliedRecord>(database, snapshot, "applied");
    if (applied !== null && applied.index > 0) {
      const generation = (await read<number>(database, snapshot, "generation")) ?? 1;
      return new LevelStateView(database, snapshot, applied, generation);
    }
  } catch (error) {
    await snapshot.close();
    throw error;
  }
  await snapshot.close();
  return null;
}

class LevelStateView implements StateView {
  readonly point: SnapshotPoint;
  readonly #database: Database;
  readonly #snapshot: DatabaseSnapshot;
  readonly #generation: number;

  constructor(
    database: Database,
    snapshot: DatabaseSnapshot,
    applied: AppliedRecord,
    generation: number,
  ) {
    const { index, term, configuration } = applied;
    this.point = { index, term, configuration };
    this.#database = database;
    this.#snapshot = snapshot;
    this.#generation = generation;
  }

  async *chunks(
    chunkSizeBytes: number,
    after: string | null = null,
  ): AsyncGenerator<readonly StateWrite[]> {
    let chunk: StateWrite[] = [];
    let sizeBytes = 0;
    const records = stateRecords(this.#database, this.#generation, this.#snapshot, after);
    for await (const record of records) {
      chunk.push(record);
      sizeBytes += Buffer.byteLength(record.key) + record.value.byteLength;
      if (sizeBytes >= chunkSizeBytes) {
        yield chunk;
        chunk = [];
        sizeBytes = 0;
      }
    }
    if (chunk.length > 0) yield chunk;
  }

  async close(): Promise<void> {
    await this.#snapshot.close();
  }
}

/** The live generation as of one moment, record by record. Throws ClusterError `storage-corrupt`. */
export async function loadLevelState(
  database: Database,
  visit: (key: string, value: Uint8Array) => void,
): Promise<void> {
  const snapshot = database.snapshot();
  try {
    const generation = (await read<number>(database, snapshot, "generation")) ?? 1;
    for await (const { key, value } of stateRecords(database, generation, snapshot)) {
      visit(key, value);
    }
  } finally {
    await snapshot.close();
  }
}

/** All records of a generation, checked, in the order of their keys. Throws ClusterError `storage-corrupt`. */
async function* stateRecords(
  database: Database,
  generation: number,
  snapshot: DatabaseSnapshot,
  after: string | null = null,
) {
  const keyPrefix = statePrefix(defaultGroup, generation);
  const start = keyPrefix.length;
  const { gte, lt } = stateRange(defaultGroup, generation);
  // No key lies between one and the same with a zero byte behind it.
  const range = after === null ? { gte, lt } : { gte: `${keyPrefix}${after}\0`, lt };
  const iterator = database.iterator({ ...range, snapshot });
  try {
    for (;;) {
      const records = await iterator.nextv(recordsPerRead);
      if (records.length === 0) return;
      for (const [key, sealed] of records) {
        yield { key: key.slice(start), value: unseal(key, sealed) };
      }
    }
  } catch (error) {
    throw storageError("the replicated state", error);
  } finally {
    await iterator.close();
  }
}

async function read<Stored>(
  database: Database,
  snapshot: DatabaseSnapshot,
  kind: "applied" | "generation",
): Promise<Stored | null> {
  const key = groupKey(kind, defaultGroup);
  const sealed = await database.get(key, { snapshot });
  return sealed === undefined ? null : unsealJson<Stored>(key, sealed);
}
