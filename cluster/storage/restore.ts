import { ClusterError } from "../errors.ts";
import { defaultGroup, type Entry, type HardState, type SnapshotPoint } from "../raft/types.ts";
import { corrupt } from "./corrupt.ts";
import type { Floor } from "./floor-file.ts";
import { formatVersion, groupKey, logKey, logRange, prefix } from "./keys.ts";
import type { Database } from "./level-open.ts";
import { chainStart, decodeLogRecord } from "./log-record.ts";
import { LogTable } from "./log-table.ts";
import {
  type AppliedRecord,
  emptyConfiguration,
  type SnapshotRecord,
  type TruncationRecord,
} from "./records.ts";
import { unsealJson } from "./sealed.ts";
import type { NodeRecord, StorageRestore } from "./storage.ts";

const recordsPerRead = 256;

/** What is read before the incarnation is raised. */
export interface StoredNode {
  readonly restore: StorageRestore;
  readonly table: LogTable;
  readonly sequence: number;
  readonly generation: number;
  readonly truncation: TruncationRecord | null;
}

/** Reads and checks everything but the replicated state. Throws ClusterError `storage-corrupt`. */
export async function readStoredNode(database: Database, floor: Floor): Promise<StoredNode> {
  const group = defaultGroup;
  await checkFormat(database);
  const sequence = (await read<number>(database, prefix.sequence)) ?? 0;
  if (sequence < floor.sequence) {
    const reason = `batch ${sequence} is the last one, ${floor.sequence} was durable`;
    throw corrupt(prefix.sequence, floor.lastIndex, reason);
  }
  const applied = await read<AppliedRecord>(database, groupKey("applied", group));
  const point = await read<SnapshotRecord>(database, groupKey("snapshot", group));
  const snapshot: SnapshotPoint = {
    index: point?.index ?? 0,
    term: point?.term ?? 0,
    configuration: point?.configuration ?? emptyConfiguration,
  };
  const start = point === null ? chainStart : Buffer.from(point.chain, "hex");
  const table = new LogTable(snapshot.index, start);
  const entries = await readEntries(database, table);
  const truncation = await read<TruncationRecord>(database, groupKey("truncation", group));
  const generation = await read<number>(database, groupKey("generation", group));
  const restore: StorageRestore = {
    incarnation: (await read<number>(database, prefix.incarnation)) ?? 0,
    nodeRecord: await read<NodeRecord>(database, prefix.node),
    hardState: (await read<HardState>(database, groupKey("hardState", group))) ?? {
      term: 0,
      vote: null,
      commit: 0,
    },
    snapshot,
    entries,
    appliedIndex: applied?.index ?? snapshot.index,
    appliedTerm: applied?.term ?? snapshot.term,
    configuration: applied?.configuration ?? snapshot.configuration,
  };
  checkFloor(floor, table, truncation);
  checkAgreement(restore, table);
  return { restore, table, sequence, generation: generation ?? 1, truncation };
}

export async function read<Stored>(database: Database, key: string): Promise<Stored | null> {
  const sealed = await database.get(key);
  return sealed === undefined ? null : unsealJson<Stored>(key, sealed);
}

async function checkFormat(database: Database): Promise<void> {
  const format = await read<number>(database, prefix.format);
  if (format === null || format === formatVersion) return;
  throw new ClusterError(
    "version-mismatch",
    `the database has format ${format}, this version reads ${formatVersion}`,
    { format, formatVersion },
  );
}

/**
 * A batch reaches the disk whole or not at all, and in order. A hole or an invalid record is therefore never the
 * torn tail of a crash, wherever it stands: an entry was durable there, and perhaps acknowledged.
 */
async function readEntries(database: Database, table: LogTable): Promise<Entry[]> {
  const entries: Entry[] = [];
  const iterator = database.iterator(logRange(defaultGroup));
  try {
    for (;;) {
      const records = await iterator.nextv(recordsPerRead);
      if (records.length === 0) return entries;
      for (const [key, stored] of records) entries.push(readEntry(key, stored, table));
    }
  } finally {
    await iterator.close();
  }
}

function readEntry(key: string, stored: Buffer, table: LogTable): Entry {
  const index = table.lastIndex + 1;
  const expectedKey = logKey(defaultGroup, index);
  if (key !== expectedKey) throw corrupt(expectedKey, index, `missing; found ${key} instead`);
  const record = decodeLogRecord(stored, table.chainAt(table.lastIndex));
  if ("reason" in record) throw corrupt(key, index, record.reason);
  if (record.entry.index !== index || record.group !== defaultGroup) {
    throw corrupt(key, index, "the record belongs to another key");
  }
  table.append(record.chain, stored.byteLength);
  return record.entry;
}

function checkFloor(floor: Floor, table: LogTable, truncation: TruncationRecord | null): void {
  const limit =
    truncation !== null && truncation.sequence > floor.sequence ? truncation.index : Infinity;
  const lastIndex = Math.min(floor.lastIndex, limit);
  if (table.lastIndex < lastIndex) {
    const missing = table.lastIndex + 1;
    const reason = `missing; the log was durable up to ${floor.lastIndex}`;
    throw corrupt(logKey(floor.group, missing), missing, reason);
  }
  if (floor.lastIndex > limit || floor.lastIndex < table.baseIndex) return;
  const chain = table.chainHexAt(floor.lastIndex);
  if (chain !== floor.chain) {
    const key = logKey(floor.group, floor.lastIndex);
    throw corrupt(key, floor.lastIndex, "the log is not the one that the floor file vouches for");
  }
}

function checkAgreement(restore: StorageRestore, table: LogTable): void {
  const { appliedIndex, snapshot, hardState } = restore;
  const key = logKey(defaultGroup, table.lastIndex + 1);
  if (appliedIndex > table.lastIndex) {
    throw corrupt(key, table.lastIndex + 1, `missing; applied up to ${appliedIndex}`);
  }
  if (appliedIndex < snapshot.index) {
    const record = groupKey("applied", defaultGroup);
    throw corrupt(record, appliedIndex, `older than the snapshot at ${snapshot.index}`);
  }
  if (hardState.commit > table.lastIndex) {
    throw corrupt(key, table.lastIndex + 1, `missing; committed up to ${hardState.commit}`);
  }
}
