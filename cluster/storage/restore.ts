import { defaultGroup, type SnapshotPoint } from "../raft/types.ts";
import { corrupt } from "./corrupt.ts";
import type { Floor } from "./floor-file.ts";
import { groupKey, prefix } from "./keys.ts";
import type { Database } from "./level-open.ts";
import type { LogFileName, LogFiles } from "./log/files.ts";
import { emptyLog, readLog, type StoredLog } from "./log/read-log.ts";
import { chainStart } from "./log/record.ts";
import type { LogTable } from "./log/table.ts";
import { type AppliedRecord, emptyConfiguration, type SnapshotRecord } from "./records.ts";
import { unsealJson } from "./sealed.ts";
import type { NodeRecord, StorageRestore } from "./storage.ts";

/** The records of the database beside the replicated state. */
export interface StoredState {
  readonly incarnation: number;
  readonly nodeRecord: NodeRecord | null;
  readonly snapshot: SnapshotPoint;
  /** At the snapshot, hex. */
  readonly chain: string;
  readonly applied: AppliedRecord;
  readonly generation: number;
  /** Number of the last batch. */
  readonly sequence: number;
}

/** What is read before the incarnation is raised. */
export interface StoredNode {
  readonly state: StoredState;
  readonly log: StoredLog;
  readonly restore: StorageRestore;
}

/** Reads and checks everything but the replicated state. Throws ClusterError `storage-corrupt`. */
export async function readStoredNode(
  database: Database,
  files: LogFiles,
  names: readonly LogFileName[],
  floor: Floor,
): Promise<StoredNode> {
  const state = await readState(database);
  const log = await readLogOf(state, files, names, floor);
  const { incarnation, nodeRecord, snapshot, applied } = state;
  const restore: StorageRestore = {
    incarnation,
    nodeRecord,
    hardState: log.hardState,
    snapshot,
    entries: log.entries,
    appliedIndex: applied.index,
    appliedTerm: applied.term,
    configuration: applied.configuration,
  };
  checkFloor(floor, state, log);
  checkAgreement(restore, log.table);
  return { state, log, restore };
}

export async function read<Stored>(database: Database, key: string): Promise<Stored | null> {
  const sealed = await database.get(key);
  return sealed === undefined ? null : unsealJson<Stored>(key, sealed);
}

async function readState(database: Database): Promise<StoredState> {
  const group = defaultGroup;
  const point = await read<SnapshotRecord>(database, groupKey("snapshot", group));
  const snapshot: SnapshotPoint = {
    index: point?.index ?? 0,
    term: point?.term ?? 0,
    configuration: point?.configuration ?? emptyConfiguration,
  };
  return {
    incarnation: (await read<number>(database, prefix.incarnation)) ?? 0,
    nodeRecord: await read<NodeRecord>(database, prefix.node),
    snapshot,
    chain: point?.chain ?? Buffer.from(chainStart).toString("hex"),
    applied: (await read<AppliedRecord>(database, groupKey("applied", group))) ?? snapshot,
    generation: (await read<number>(database, groupKey("generation", group))) ?? 1,
    sequence: (await read<number>(database, prefix.sequence)) ?? 0,
  };
}

/** The log is begun before anything is written to the database. */
async function readLogOf(
  { snapshot, chain, generation, sequence }: StoredState,
  files: LogFiles,
  names: readonly LogFileName[],
  floor: Floor,
): Promise<StoredLog> {
  if (names.length > 0) {
    const { index, term } = snapshot;
    return readLog(files, names, { index, term, chain, generation }, floor.sequence);
  }
  if (sequence > 0 || floor.sequence > 0) {
    throw corrupt("log", floor.lastIndex, "the log is missing");
  }
  return emptyLog();
}

function checkFloor(floor: Floor, state: StoredState, log: StoredLog): void {
  const { table, truncation } = log;
  if (state.sequence < floor.stateSequence) {
    const reason = `batch ${state.sequence} is the last one, ${floor.stateSequence} was durable`;
    throw corrupt(prefix.sequence, floor.lastIndex, reason);
  }
  const isTruncated = truncation !== null && truncation.sequence > floor.sequence;
  const limit = isTruncated ? truncation.index : Infinity;
  const lastIndex = Math.min(floor.lastIndex, limit);
  if (table.lastIndex < lastIndex) {
    const reason = `missing; the log was durable up to ${floor.lastIndex}`;
    throw corrupt("log", table.lastIndex + 1, reason);
  }
  if (floor.lastIndex > limit || floor.lastIndex < table.baseIndex) return;
  if (table.chainHexAt(floor.lastIndex) !== floor.chain) {
    const reason = "the log is not the one that the floor file vouches for";
    throw corrupt("log", floor.lastIndex, reason);
  }
}

function checkAgreement(restore: StorageRestore, table: LogTable): void {
  const { appliedIndex, snapshot, hardState } = restore;
  if (appliedIndex > table.lastIndex) {
    throw corrupt("log", table.lastIndex + 1, `missing; applied up to ${appliedIndex}`);
  }
  if (appliedIndex < snapshot.index) {
    const record = groupKey("applied", defaultGroup);
    throw corrupt(record, appliedIndex, `older than the snapshot at ${snapshot.index}`);
  }
  if (hardState.commit > table.lastIndex) {
    throw corrupt("log", table.lastIndex + 1, `missing; committed up to ${hardState.commit}`);
  }
}
