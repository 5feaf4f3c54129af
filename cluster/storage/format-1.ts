import { defaultGroup, type HardState } from "../raft/types.ts";
import { corrupt } from "./corrupt.ts";
import type { Floor } from "./floor-file.ts";
import { formatVersion, groupKey, prefix, under } from "./keys.ts";
import type { Database } from "./level-open.ts";
import { LogBatch } from "./log/batch.ts";
import type { LogFileName, LogFiles } from "./log/files.ts";
import { chainInRecord, chainStart, decodeLogRecord } from "./log/record.ts";
import { LogTable } from "./log/table.ts";
import { LogWriter } from "./log/writer.ts";
import type { SnapshotRecord, TruncationRecord } from "./records.ts";
import { read } from "./restore.ts";
import { StateBatch } from "./state-batch.ts";

/** Of format 1, whose database held the log, too: entries `l/<group>/<index>`, hard state and last truncation. */
const logRange = under(`l/${defaultGroup}/`);
const hardStateKey = `h/${defaultGroup}`;
const truncationKey = `t/${defaultGroup}`;
const recordsPerRead = 256;
const batchSizeBytesMax = 4 * 1024 * 1024;

/**
 * Moves the log out of the database into files of its own. Until the database has its new format, in one batch at the end, a crash leaves
 * everything as it was, and the next open begins anew. Throws ClusterError `storage-corrupt`.
 */
export async function moveLog(
  database: Database,
  files: LogFiles,
  names: readonly LogFileName[],
  floor: Floor,
): Promise<void> {
  for (const name of names) await files.remove(name);
  const sequence = (await read<number>(database, prefix.sequence)) ?? 0;
  if (sequence < floor.sequence) {
    const reason = `batch ${sequence} is the last one, ${floor.sequence} was durable`;
    throw corrupt(prefix.sequence, floor.lastIndex, reason);
  }
  const point = await read<SnapshotRecord>(database, groupKey("snapshot", defaultGroup));
  const chain = point === null ? Buffer.from(chainStart).toString("hex") : point.chain;
  const table = new LogTable(point?.index ?? 0, Buffer.from(chain, "hex"));
  const hardState = await read<HardState>(database, hardStateKey);
  const start = {
    generation: (await read<number>(database, groupKey("generation", defaultGroup))) ?? 1,
    index: table.lastIndex,
    chain,
    hardState: hardState ?? { term: 0, vote: null, commit: 0 },
    truncation: await read<TruncationRecord>(database, truncationKey),
  };
  const writer = new LogWriter(files, [], [], start);
  await writer.begin(sequence);
  const keys: string[] = [];
  let batch = new LogBatch(sequence + 1);
  const writeBatch = async (): Promise<void> => {
    const index = table.lastIndex;
    batch.close({ ...start, index, chain: table.chainHexAt(index) });
    await writer.write(batch);
    batch = new LogBatch(batch.sequence + 1);
  };
  for await (const [key, record] of recordsOf(database)) {
    checkRecord(key, record, table);
    table.append(chainInRecord(record), record.byteLength);
    batch.append(record);
    keys.push(key);
    if (batch.sizeBytes >= batchSizeBytesMax) await writeBatch();
  }
  if (batch.sizeBytes > 0) await writeBatch();
  const moved = new StateBatch(sequence + 1);
  for (const key of [...keys, hardStateKey, truncationKey]) moved.delete(key);
  moved.record(prefix.format, formatVersion);
  await database.write(moved.operations(), { sync: true });
}

async function* recordsOf(database: Database): AsyncGenerator<[string, Buffer]> {
  const iterator = database.iterator(logRange);
  try {
    for (;;) {
      const records = await iterator.nextv(recordsPerRead);
      if (records.length === 0) return;
      yield* records;
    }
  } finally {
    await iterator.close();
  }
}

function checkRecord(key: string, stored: Buffer, table: LogTable): void {
  const index = table.lastIndex + 1;
  if (Number(key.slice(logRange.gte.length)) !== index) {
    throw corrupt(`${logRange.gte}${index}`, index, `missing; found ${key} instead`);
  }
  const record = decodeLogRecord(stored, table.chainAt(table.lastIndex));
  if ("reason" in record) throw corrupt(key, index, record.reason);
  if (record.entry.index !== index || record.group !== defaultGroup) {
    throw corrupt(key, index, "the record belongs to another key");
  }
}
