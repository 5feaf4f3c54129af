import { beforeEach, describe, expect, it } from "vitest";
import { logLimits } from "../../../../cluster/log-limits.ts";
import type { HardState } from "../../../../cluster/raft/types.ts";
import { logFileName, parseLogFileName } from "../../../../cluster/storage/log/files.ts";
import { LogStore } from "../../../../cluster/storage/log/log-store.ts";
import {
  emptyLog,
  readLog,
  type StoredLog,
  withoutTornFile,
} from "../../../../cluster/storage/log/read-log.ts";
import { chainStart } from "../../../../cluster/storage/log/record.ts";
import { MemoryLogFiles } from "../../../support/memory-log-files.ts";
import { entries, plain } from "../../../support/storage-changes.ts";

const hex = Buffer.from(chainStart).toString("hex");
/** An entry that fills a file. */
const large = { data: new Uint8Array(logLimits.logFileSizeBytesMax) };

let files: MemoryLogFiles;
let point: { index: number; term: number; chain: string; generation: number };

beforeEach(() => {
  files = new MemoryLogFiles();
  point = { index: 0, term: 0, chain: hex, generation: 1 };
});

async function open(stored: StoredLog, generation = 1): Promise<LogStore> {
  const names = await files.list();
  const store = new LogStore({
    ...{ files, names, stored, generation, directory: "memory", floorSequence: () => 0 },
    landed: () => {},
    failed: (error) => {
      throw error;
    },
  });
  await store.begin();
  return store;
}

async function read(floorSequence = 0): Promise<StoredLog> {
  return readLog(files, await withoutTornFile(files, await files.list()), point, floorSequence);
}

async function written(store: LogStore, part: Parameters<LogStore["append"]>[0]): Promise<void> {
  await new Promise<void>((resolve) => store.append(part, resolve));
}

/** State stands for the log up to `index`. */
async function compacted(store: LogStore, index: number): Promise<void> {
  point = { ...point, index, chain: store.chainAt(index) };
  store.compact(index);
  store.dropFiles(index);
  await store.idle();
}

function numbers(): number[] {
  return [...files.content.keys()].sort((one, other) => one - other);
}

const vote = (term: number): HardState => ({ term, vote: "b".repeat(32), commit: 0 });

describe("the files of a log", () => {
  it("have names that say their number and salt", () => {
    const name = { number: 123_456_789, salt: 10 };
    expect(logFileName(name)).toBe("123456789-0000000a.log");
    expect(parseLogFileName(logFileName(name))).toEqual(name);
    expect(parseLogFileName("000007.log")).toBeNull();
  });

  it("each process begins one, and a full one is followed by another", async () => {
    const store = await open(emptyLog());
    await written(store, { entries: entries(1, 3), hardState: vote(1) });
    expect(numbers()).toEqual([1]);
    await written(store, { entries: [{ ...entries(4, 4)[0]!, ...large }] });
    await written(store, { entries: entries(5, 5) });
    expect(numbers()).toEqual([1, 2]);
    const again = await open(await read());
    expect(numbers()).toEqual([1, 2, 3]);
    await written(again, { entries: entries(6, 6) });
    const stored = await read();
    expect(stored.entries.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(stored.hardState).toEqual(vote(1));
  });

  it("what a killed process wrote last is synced before it is relied upon", async () => {
    const store = await open(emptyLog());
    await written(store, { entries: entries(1, 3) });
    const { bytes } = files.content.get(1)!;
    files.steps.length = 0;
    await read();
    expect(files.steps).toEqual(["cut 1"]);
    expect(files.content.get(1)!.bytes).toEqual(bytes);
  });

  it("go when the state stands for all that is in them, but for the newest", async () => {
    const store = await open(emptyLog());
    for (const index of [1, 2, 3, 4]) {
      await written(store, { entries: [{ ...entries(index, index)[0]!, ...large }] });
    }
    expect(numbers()).toEqual([1, 2, 3, 4]);
    await compacted(store, 2);
    expect(numbers()).toEqual([3, 4]);
    expect((await read()).entries.map(({ index }) => index)).toEqual([3, 4]);
    await compacted(store, 4);
    expect(numbers()).toEqual([4]);
    expect(await read()).toMatchObject({ entries: [], table: { lastIndex: 4 } });
  });

  it("that a crash kept beside those that are needed are not read, and go", async () => {
    const store = await open(emptyLog());
    await written(store, { entries: [{ ...entries(1, 1)[0]!, ...large }] });
    await written(store, { entries: entries(2, 3) });
    const old = files.content.get(1)!;
    await compacted(store, 2);
    files.content.set(1, { ...old, bytes: old.bytes.subarray(0, 100) });
    const stored = await read();
    expect(plain(stored.entries)).toEqual(plain(entries(3, 3)));
    await open(stored);
    expect(numbers()).toEqual([2, 3]);
  });

  it("may begin with an entry that was replaced later", async () => {
    const store = await open(emptyLog());
    await written(store, { entries: entries(1, 3), hardState: vote(1) });
    const again = await open(await read());
    await written(again, { entries: entries(2, 5, 2), hardState: vote(2) });
    await compacted(again, 4);
    const stored = await read();
    expect(plain(stored.entries)).toEqual(plain(entries(5, 5, 2)));
    expect(stored.truncation).toEqual({ sequence: 2, index: 1 });
    await expect(
      written(await open(stored), { entries: entries(6, 6, 2) }),
    ).resolves.toBeUndefined();
    expect(plain((await read()).entries)).toEqual(plain(entries(5, 6, 2)));
  });

  it("one that is missing between others is missed", async () => {
    const store = await open(emptyLog());
    for (const index of [1, 2, 3]) {
      await written(store, { entries: [{ ...entries(index, index)[0]!, ...large }] });
    }
    files.content.delete(2);
    await expect(read()).rejects.toMatchObject({ code: "storage-corrupt" });
    files.content.delete(1);
    await expect(read()).rejects.toMatchObject({ code: "storage-corrupt" });
  });

  it("hold at least what the floor stands for", async () => {
    const store = await open(emptyLog());
    await written(store, { entries: entries(1, 1) });
    await expect(read(1)).resolves.toBeDefined();
    await expect(read(2)).rejects.toMatchObject({ code: "storage-corrupt", details: { index: 2 } });
  });
});

describe("a snapshot that replaces the log", () => {
  it("begins a file, for which the ones before it go", async () => {
    const store = await open(emptyLog());
    await written(store, { entries: entries(1, 3), hardState: vote(1) });
    await new Promise<void>((resolve) =>
      store.restart(
        { index: 20, term: 1 },
        2,
        null,
        { entries: entries(21, 22, 2), hardState: vote(2) },
        resolve,
      ),
    );
    store.dropFiles(20);
    await store.idle();
    expect(numbers()).toEqual([2]);
    point = { index: 20, term: 1, chain: hex, generation: 2 };
    const stored = await read();
    expect(plain(stored.entries)).toEqual(plain(entries(21, 22, 2)));
    expect(stored.hardState).toEqual(vote(2));
  });

  it("that is on the disk before its log leaves term and vote as they were", async () => {
    const store = await open(emptyLog());
    await written(store, { entries: entries(1, 3), hardState: vote(7) });
    point = { index: 20, term: 5, chain: hex, generation: 2 };
    const stored = await read();
    expect(stored.hardState).toEqual({ ...vote(7), commit: 20 });
    expect(stored).toMatchObject({
      entries: [],
      table: { baseIndex: 20, lastIndex: 20 },
      files: [],
    });
    const next = await open(stored, 2);
    expect(numbers()).toEqual([2]);
    await written(next, { entries: entries(21, 21) });
    expect(plain((await read()).entries)).toEqual(plain(entries(21, 21)));
  });

  it("of a later term than the log's tells of that term, in which there was no vote", async () => {
    const store = await open(emptyLog());
    await written(store, { hardState: vote(3) });
    point = { index: 20, term: 5, chain: hex, generation: 2 };
    expect((await read()).hardState).toEqual({ term: 5, vote: null, commit: 20 });
  });

  it("is told of by the begin of its file, wherever the rest of the write is torn", async () => {
    const store = await open(emptyLog());
    await written(store, { hardState: vote(3) });
    const part = { entries: entries(21, 22, 5), hardState: { ...vote(6), commit: 20 } };
    await new Promise<void>((resolve) =>
      store.restart({ index: 20, term: 5 }, 2, null, part, resolve),
    );
    point = { index: 20, term: 5, chain: hex, generation: 2 };
    const file = files.content.get(2)!;
    const whole = file.bytes;
    for (let size = whole.length - 1; size >= 0; size--) {
      files.content.set(2, { ...file, bytes: whole.subarray(0, size) });
      const { hardState, entries: found } = await read();
      expect(hardState).toEqual({ term: 5, vote: null, commit: 20 });
      expect(found).toEqual([]);
    }
  });

  it("waits for the state to hold it", async () => {
    const store = await open(emptyLog());
    let install = (): void => {};
    const installed = new Promise<void>((resolve) => {
      install = resolve;
    });
    const order: string[] = [];
    store.append({ entries: entries(1, 1) }, () => order.push("before"));
    store.restart({ index: 20, term: 1 }, 2, installed, {}, () => order.push("restart"));
    store.append({ entries: entries(21, 21) }, () => order.push("behind"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual(["before"]);
    install();
    await store.idle();
    expect(order).toEqual(["before", "restart", "behind"]);
  });

  it("of an older generation than the log's is damage", async () => {
    await open(emptyLog(), 3);
    point = { ...point, generation: 2 };
    await expect(read()).rejects.toMatchObject({ code: "storage-corrupt" });
  });
});

describe("a check of what is on the disk", () => {
  const pieces = (run: () => Promise<void>) => {
    let isFirst = true;
    return async () => {
      if (isFirst) await run();
      isFirst = false;
    };
  };

  it("is not confused by files that are begun meanwhile", async () => {
    const store = await open(emptyLog());
    await written(store, { entries: entries(1, 3), hardState: vote(1) });
    const checked = store.scrub(
      pieces(async () => {
        await written(store, { entries: [{ ...entries(4, 4)[0]!, ...large }] });
        await written(store, { entries: entries(5, 5) });
        await written(store, { entries: entries(6, 6) });
      }),
    );
    await expect(checked).resolves.toBeUndefined();
    expect(numbers()).toEqual([1, 2]);
    await expect(store.scrub(async () => {})).resolves.toBeUndefined();
  });

  it("is not confused by a snapshot that replaces the log meanwhile", async () => {
    const store = await open(emptyLog());
    await written(store, { entries: [{ ...entries(1, 1)[0]!, ...large }] });
    await written(store, { entries: entries(2, 3) });
    const checked = store.scrub(
      pieces(async () => {
        await new Promise<void>((resolve) =>
          store.restart({ index: 20, term: 1 }, 2, null, {}, resolve),
        );
        store.dropFiles(20);
        await store.idle();
      }),
    );
    await expect(checked).resolves.toBeUndefined();
  });

  it("finds what is missing", async () => {
    const store = await open(emptyLog());
    await written(store, { entries: entries(1, 30) });
    files.content.delete(1);
    await expect(store.scrub(async () => {})).rejects.toMatchObject({
      code: "storage-corrupt",
      details: { reason: "missing" },
    });
  });

  it("finds what is damaged", async () => {
    const store = await open(emptyLog());
    await written(store, { entries: entries(1, 30) });
    const file = files.content.get(1)!;
    file.bytes[file.bytes.length - 5]! ^= 1;
    await expect(store.scrub(async () => {})).rejects.toMatchObject({ code: "storage-corrupt" });
  });
});
