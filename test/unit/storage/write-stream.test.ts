import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { logLimits } from "../../../cluster/log-limits.ts";
import { LevelDirectoryDisk } from "../../../cluster/storage/level-disk.ts";
import { LevelDatabase } from "../../../cluster/storage/level-open.ts";
import { LogDirectory } from "../../../cluster/storage/log/directory.ts";
import { LevelDirectory } from "../../support/level-directory.ts";
import { applied, entries, point, puts, stateOf, written } from "../../support/storage-changes.ts";

const noVoters = { voters: [], votersOutgoing: [], learners: [], learnersNext: [] };

const database = LevelDatabase.prototype;
const files = LogDirectory.prototype;

/** What LevelDatabase writes with. */
interface Chained {
  batch(): { write(options: { readonly sync?: boolean }): Promise<void> };
}

const chained = database as unknown as Chained;

let directory: LevelDirectory;

beforeEach(async () => {
  directory = await LevelDirectory.make();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await directory.remove();
});

describe("the write stream", () => {
  it("syncs every batch and writes in no other way", async () => {
    const batch = vi.spyOn(database, "write");
    const synced: unknown[] = [];
    const begin = chained.batch;
    vi.spyOn(chained, "batch").mockImplementation(function (this: unknown) {
      const chain = begin.call(this as never);
      const write = chain.write.bind(chain);
      chain.write = (options) => {
        synced.push(options.sync);
        return write(options);
      };
      return chain;
    });
    const others = (["put", "del", "clear"] as const).map((name) => vi.spyOn(database, name));
    const storage = directory.storage();
    await storage.open();
    await written(storage, { entries: entries(1, 9), applied: applied(5, { a: "1" }) });
    await written(storage, { compactTo: point(3) });
    await storage.beginStaging();
    await storage.stage(puts({ b: "2" }));
    await written(storage, { installSnapshot: point(20) });
    await storage.close();
    expect(batch.mock.calls.length).toBeGreaterThanOrEqual(5);
    for (const [, options] of batch.mock.calls) expect(options).toEqual({ sync: true });
    expect(synced).toEqual(batch.mock.calls.map(() => true));
    for (const other of others) expect(other).not.toHaveBeenCalled();
  });

  it("has one batch in flight and runs no done before its batch is on disk", async () => {
    const storage = directory.storage();
    await storage.open();
    const gates: (() => void)[] = [];
    const real = files.append;
    vi.spyOn(files, "append").mockImplementation(async function (this: LogDirectory, content) {
      await real.call(this, content);
      await new Promise<void>((resolve) => gates.push(resolve));
    });
    const done: number[] = [];
    const changes = [1, 2, 3, 4, 5].map((index) => () => {
      const change = { entries: entries(index, index) };
      return written(storage, change).then(() => done.push(index));
    });
    const first = changes[0]!();
    await vi.waitUntil(() => gates.length === 1, { interval: 1 });
    const others = changes.slice(1).map((change) => change());
    expect(storage.stats().queuedChanges).toBe(5);
    expect(done).toEqual([]);
    gates[0]!();
    await first;
    expect(done).toEqual([1]);
    await vi.waitUntil(() => gates.length === 2, { interval: 1 });
    expect(files.append).toHaveBeenCalledTimes(2);
    expect(done).toEqual([1]);
    gates[1]!();
    await Promise.all(others);
    expect(done).toEqual([1, 2, 3, 4, 5]);
    vi.restoreAllMocks();
    await storage.close();
  });

  it.each([
    ["the log", files, "append"],
    ["the database", database, "write"],
  ] as const)(
    "is over after a failed batch of %s, and so is the other",
    async (_, where, method) => {
      const failures: Error[] = [];
      const storage = directory.storage((error) => failures.push(error));
      await storage.open();
      await written(storage, { entries: entries(1, 1) });
      const broken = new Error("no space left on device");
      vi.spyOn(where as LogDirectory, method as "append").mockRejectedValue(broken);
      const failed = {
        code: "storage-failed",
        message: expect.stringContaining("no space left on device"),
      };
      let acknowledged = 0;
      const acknowledge = () => acknowledged++;
      storage.write({ groupId: 0, applied: applied(1, { a: "1" }) }, acknowledge);
      storage.write({ groupId: 0, entries: entries(2, 2), applied: applied(1, {}) }, acknowledge);
      await vi.waitUntil(() => failures.length > 0, { interval: 1 });
      await expect(storage.beginStaging()).rejects.toMatchObject(failed);
      vi.restoreAllMocks();
      storage.write({ groupId: 0, entries: entries(3, 3) }, acknowledge);
      storage.write({ groupId: 0, applied: applied(1, {}) }, acknowledge);
      await storage.close();
      expect(failures.length).toBe(1);
      expect(failures[0]).toMatchObject({ ...failed, cause: broken });
      expect(acknowledged).toBe(0);
      const next = directory.storage();
      expect((await next.open()).entries.length).toBeLessThanOrEqual(2);
      await next.close();
    },
  );

  it("hands the records of a large batch over in several turns of the event loop", async () => {
    const storage = directory.storage();
    await storage.open();
    let handedOver = 0;
    const begin = chained.batch;
    vi.spyOn(chained, "batch").mockImplementation(function (this: unknown) {
      const chain = begin.call(this as never) as ReturnType<Chained["batch"]> & {
        put(...operation: unknown[]): unknown;
      };
      const put = chain.put.bind(chain);
      chain.put = (...operation) => {
        handedOver++;
        return put(...operation);
      };
      return chain;
    });
    const perTurn: number[] = [];
    let isOver = false;
    const look = (): void => {
      perTurn.push(handedOver);
      handedOver = 0;
      if (!isOver) setImmediate(look);
    };
    const count = 3 * logLimits.recordsWrittenPerTurn;
    const values = Array.from({ length: count }, (_, at) => [`${at}`, "1"]);
    setImmediate(look);
    const all = { entries: entries(1, 1), applied: applied(1, Object.fromEntries(values)) };
    await written(storage, all);
    isOver = true;
    expect(perTurn.reduce((sum, records) => sum + records, handedOver)).toBeGreaterThan(count);
    expect(Math.max(...perTurn)).toBe(logLimits.recordsWrittenPerTurn);
    vi.restoreAllMocks();
    await storage.close();
    const again = directory.storage();
    await again.open();
    expect(Object.keys(await stateOf(again)).length).toBe(count);
    await again.close();
  });

  it("keeps batches within bounds while they wait", async () => {
    const storage = directory.storage();
    await storage.open();
    const batches = [vi.spyOn(files, "append"), vi.spyOn(files, "create")];
    const data = new Uint8Array(3 * 1024 * 1024);
    const all = [1, 2, 3, 4, 5, 6, 7].map((index) =>
      written(storage, { entries: [{ term: 1, index, type: 0, data }] }),
    );
    await Promise.all(all);
    expect(batches.map(({ mock }) => mock.calls.length)).toEqual([2, 1]);
    await storage.close();
  });
});

describe("effects of entries", () => {
  const never = 3_600_000;
  const ignore = (): void => {};

  it("wait to be joined, and leave in one batch with their applied index", async () => {
    const storage = directory.storage(ignore, never);
    await storage.open();
    await written(storage, { entries: entries(1, 4) });
    await written(storage, { applied: applied(1, {}) });
    const batch = vi.spyOn(database, "write");
    const order: string[] = [];
    const effects = written(storage, { applied: applied(2, { a: "1", b: "1" }) });
    const more = written(storage, { applied: applied(3, { a: "2", b: null }) });
    await written(storage, { entries: entries(5, 5) }).then(() => order.push("entries"));
    await storage.close();
    await Promise.all([
      effects.then(() => order.push("effects")),
      more.then(() => order.push("more")),
    ]);
    expect(order).toEqual(["entries", "effects", "more"]);
    const keys = batch.mock.calls.map(([operations]) =>
      operations.map(({ key }) => key).filter((key) => /^[as]/.test(key)),
    );
    expect(keys).toEqual([["s/0/1/a", "s/0/1/b", "a/0"]]);
    const again = directory.storage();
    const restore = await again.open();
    expect([restore.appliedIndex, restore.entries.length]).toEqual([3, 5]);
    expect(await stateOf(again)).toEqual({ a: "2" });
    await again.close();
  });

  it("are in front of the snapshot that replaces them", async () => {
    const storage = directory.storage(ignore, never);
    await storage.open();
    await written(storage, { entries: entries(1, 3) });
    await written(storage, { applied: applied(1, {}) });
    const order: string[] = [];
    storage.write({ groupId: 0, applied: applied(3, { a: "1" }) }, () => order.push("effects"));
    await storage.beginStaging();
    await storage.stage(puts({ b: "2" }));
    await written(storage, { installSnapshot: point(20) }).then(() => order.push("snapshot"));
    expect(order).toEqual(["effects", "snapshot"]);
    await storage.close();
    const again = directory.storage();
    expect((await again.open()).appliedIndex).toBe(20);
    expect(await stateOf(again)).toEqual({ b: "2" });
    await again.close();
  });

  it("leave by themselves when nothing comes", async () => {
    const storage = directory.storage(ignore, 1);
    await storage.open();
    await written(storage, { entries: entries(1, 2), applied: applied(1, {}) });
    await written(storage, { applied: applied(2, { a: "1" }) });
    await storage.close();
  });

  it("leave as much later at a voter as its turns do, when none comes", async () => {
    const after = vi.spyOn(LevelDirectoryDisk.prototype, "after");
    for (const offset of [0, 1 / 4, 3 / 4]) {
      const other = await LevelDirectory.make();
      const storage = other.storage(ignore, never);
      await storage.open();
      await written(storage, { entries: entries(1, 2), applied: applied(1, {}) });
      await written(storage, { applied: applied(1, {}) });
      const turn = { isNow: false, offset, timeMs: 0 };
      storage.write({ groupId: 0, applied: { ...applied(2, { a: "1" }), turn } }, ignore);
      await storage.close();
      await other.remove();
    }
    const { effectsRoundMs } = logLimits;
    const delays = after.mock.calls.map(([delayMs]) => delayMs - never);
    // The floor has a delay of its own, which is short.
    expect(delays.filter((delayMs) => delayMs >= 0)).toEqual([
      0,
      effectsRoundMs / 4,
      (3 * effectsRoundMs) / 4,
    ]);
  });

  it("leave at once when they are many, and sooner where nobody else votes", async () => {
    const storage = directory.storage(ignore, never);
    await storage.open();
    await written(storage, { entries: entries(1, 5), applied: applied(1, {}) });
    await written(storage, { applied: applied(2, { a: "x".repeat(1_100_000) }) });
    const among = { configuration: { ...noVoters, voters: ["a", "b", "c"] } };
    await written(storage, { applied: { ...applied(3, {}), ...among } });
    let isThere = false;
    const much = { applied: { ...applied(4, { a: "x".repeat(1_100_000) }), ...among } };
    const first = written(storage, much).then(() => {
      isThere = true;
    });
    await written(storage, { entries: entries(6, 6) });
    expect(isThere).toBe(false);
    await written(storage, { applied: { ...applied(5, { b: "x".repeat(7_500_000) }), ...among } });
    await first;
    await storage.close();
  });

  it("leave when it is their node's turn, with what waited, and not by themselves", async () => {
    const storage = directory.storage(ignore, never);
    await storage.open();
    await written(storage, { entries: entries(1, 5), applied: applied(1, {}) });
    await written(storage, { applied: applied(1, {}) });
    const order: string[] = [];
    const turn = (index: number) => {
      const effects = {
        applied: {
          ...applied(index, { a: `${index}` }),
          turn: { isNow: true, offset: 0, timeMs: index },
        },
      };
      return written(storage, effects).then(() => order.push(`effects ${index}`));
    };
    void turn(2);
    await written(storage, { entries: entries(6, 6) }).then(() => order.push("entries"));
    await turn(3);
    expect(order).toEqual(["entries", "effects 2", "effects 3"]);
    await storage.close();
  });

  it("leave at once when they change who votes", async () => {
    const storage = directory.storage(ignore, never);
    await storage.open();
    await written(storage, { entries: entries(1, 4) });
    const change = (index: number, voters: readonly string[]) => ({
      applied: { ...applied(index, {}), configuration: { ...noVoters, voters } },
    });
    await written(storage, change(1, ["a"]));
    await written(storage, change(2, ["a", "b"]));
    await storage.close();
  });

  it("are on the disk when the storage is closed", async () => {
    const storage = directory.storage(ignore, never);
    await storage.open();
    await written(storage, { entries: entries(1, 2), applied: applied(1, {}) });
    storage.write({ groupId: 0, applied: applied(2, { a: "1" }) }, ignore);
    await storage.close();
    const again = directory.storage();
    expect((await again.open()).appliedIndex).toBe(2);
    await again.close();
  });
});
