/**
 * How many log entries a second reach the disk, by the number of entries in one change. Run by hand:
 *
 *     node --conditions=flockmq-source scripts/bench/storage.ts [directory]
 *
 * The directory (default: the system's temporary one) decides what is measured: use the disk the node will use. Each change
 * also applies what the one before it appended, with one record of state for each entry, as a busy node does.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Configuration, Entry } from "../../cluster/raft/types.ts";
import { LevelDirectoryDisk } from "../../cluster/storage/level-disk.ts";
import { LevelStorage } from "../../cluster/storage/level-storage.ts";

const payloadSizeBytes = 300;
const durationMs = 2_000;
const logEntriesMax = 20_000;
const configuration: Configuration = {
  voters: ["a".repeat(32)],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
};

interface Result {
  readonly batchSize: number;
  readonly entriesPerSecond: number;
  readonly batchesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicrosecondsPerEntry: number;
}

class Writer {
  readonly #storage: LevelStorage;
  #index = 0;
  #compactedTo = 0;

  constructor(storage: LevelStorage) {
    this.#storage = storage;
  }

  write(batchSize: number): Promise<void> {
    const data = randomBytes(payloadSizeBytes);
    const applied = this.#index;
    const entries: Entry[] = [];
    for (let count = 0; count < batchSize; count++) {
      this.#index++;
      entries.push({ term: 1, index: this.#index, type: 0, data });
    }
    const writes = entries.map(({ index }) => ({ key: `retained/${index % 5_000}`, value: data }));
    const cut = applied - logEntriesMax;
    const isDue = cut - this.#compactedTo > logEntriesMax / 10;
    if (isDue) this.#compactedTo = cut;
    return new Promise((resolve) => {
      this.#storage.write(
        {
          groupId: 0,
          entries,
          hardState: { term: 1, vote: null, commit: this.#index },
          applied: { index: applied, term: 1, configuration, writes: applied === 0 ? [] : writes },
          ...(isDue && { compactTo: { index: cut, term: 1, configuration } }),
        },
        resolve,
      );
    });
  }
}

async function measure(writer: Writer, batchSize: number): Promise<Result> {
  const latenciesMs: number[] = [];
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  let now = start;
  while (now - start < durationMs) {
    await writer.write(batchSize);
    const after = performance.now();
    latenciesMs.push(after - now);
    now = after;
  }
  const seconds = (now - start) / 1_000;
  const cpu = process.cpuUsage(cpuBefore);
  const entries = latenciesMs.length * batchSize;
  latenciesMs.sort((one, other) => one - other);
  const quantile = (part: number) => rounded(latenciesMs[Math.floor(latenciesMs.length * part)]!);
  return {
    batchSize,
    entriesPerSecond: Math.round(entries / seconds),
    batchesPerSecond: Math.round(latenciesMs.length / seconds),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    cpuMicrosecondsPerEntry: rounded((cpu.user + cpu.system) / entries),
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

const root = await mkdtemp(join(process.argv[2] ?? tmpdir(), "flockmq-bench-"));
const storage = new LevelStorage(new LevelDirectoryDisk(join(root, "node")), {
  effectsDelayMs: 0,
  onFailure: (error) => {
    throw error;
  },
});
await storage.open();
const writer = new Writer(storage);
const results: Result[] = [];
for (const batchSize of [1, 10, 100, 1_000]) results.push(await measure(writer, batchSize));
await storage.close();
const reopened = new LevelStorage(new LevelDirectoryDisk(join(root, "node")), {
  effectsDelayMs: 0,
  onFailure: () => {},
});
const openStart = performance.now();
const { entries } = await reopened.open();
const openMs = rounded(performance.now() - openStart);
await reopened.close();
await rm(root, { recursive: true });
const open = { openMs, entries: entries.length };
process.stdout.write(`${JSON.stringify({ payloadSizeBytes, results, open }, null, 2)}\n`);
