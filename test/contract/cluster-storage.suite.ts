import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ClusterStorage } from "../../cluster/storage/storage.ts";
import {
  applied,
  bytes,
  configuration,
  entries,
  plain,
  point,
  puts,
  stateOf,
  written,
} from "../support/storage-changes.ts";

/** One disk on which storages are opened one after the other. */
export interface StorageDisk {
  /** A storage that was not opened yet. */
  next(onFailure?: (error: Error) => void): ClusterStorage;
  /** The process dies; what the disk holds at this moment is what the next storage finds. */
  crash(): Promise<void>;
  dispose(): Promise<void>;
}

/** What every ClusterStorage owes the node; run by each implementation. */
export function describeClusterStorage(name: string, makeDisk: () => Promise<StorageDisk>): void {
  describe(`${name} as ClusterStorage`, () => {
    let disk: StorageDisk;
    let storage: ClusterStorage;

    beforeEach(async () => {
      disk = await makeDisk();
      storage = disk.next();
    });

    afterEach(async () => {
      await storage.close();
      await disk.dispose();
    });

    async function reopened() {
      await storage.close();
      storage = disk.next();
      return await storage.open();
    }

    async function afterCrash() {
      await disk.crash();
      storage = disk.next();
      return await storage.open();
    }

    it("starts empty and counts its starts", async () => {
      const first = await storage.open();
      expect(first).toMatchObject({
        incarnation: 1,
        nodeRecord: null,
        hardState: { term: 0, vote: null, commit: 0 },
        snapshot: { index: 0, term: 0 },
        entries: [],
        appliedIndex: 0,
        appliedTerm: 0,
      });
      expect(first.configuration.voters).toEqual([]);
      expect((await reopened()).incarnation).toBe(2);
      expect((await afterCrash()).incarnation).toBe(3);
    });

    it("keeps what was reported done through a crash", async () => {
      await storage.open();
      const nodeRecord = { clusterId: "c", nodeId: "b".repeat(32), name: "n1" };
      await written(storage, {
        nodeRecord,
        hardState: { term: 1, vote: "b".repeat(32), commit: 2 },
        entries: entries(1, 3),
        applied: applied(2, { color: "green", size: "small" }),
      });
      const restore = await afterCrash();
      expect(restore).toMatchObject({
        nodeRecord,
        hardState: { term: 1, vote: "b".repeat(32), commit: 2 },
        appliedIndex: 2,
        appliedTerm: 1,
        configuration,
      });
      expect(plain(restore.entries)).toEqual(plain(entries(1, 3)));
      expect(await stateOf(storage)).toEqual({ color: "green", size: "small" });
    });

    it("runs every done once, in the order of the calls", async () => {
      await storage.open();
      const order: number[] = [];
      const all = [1, 2, 3, 4, 5, 6].map((index) =>
        written(storage, { entries: entries(index, index) }).then(() => order.push(index)),
      );
      await Promise.all(all);
      expect(order).toEqual([1, 2, 3, 4, 5, 6]);
      expect(storage.stats().queuedChanges).toBe(0);
    });

    it("merges waiting changes in their order", async () => {
      await storage.open();
      const changes = [
        written(storage, { entries: entries(1, 5), hardState: { term: 1, vote: null, commit: 1 } }),
        written(storage, { applied: applied(1, { a: "1", b: "1" }) }),
        written(storage, { applied: applied(1, { a: "2", b: null }) }),
        written(storage, { entries: entries(3, 4, 2) }),
        written(storage, {
          entries: entries(4, 4, 3),
          hardState: { term: 3, vote: null, commit: 3 },
        }),
        written(storage, { applied: applied(2, { b: "3" }) }),
      ];
      await Promise.all(changes);
      const restore = await afterCrash();
      const expected = [...entries(1, 2), ...entries(3, 3, 2), ...entries(4, 4, 3)];
      expect(plain(restore.entries)).toEqual(plain(expected));
      expect(restore.hardState).toEqual({ term: 3, vote: null, commit: 3 });
      expect(restore.appliedIndex).toBe(2);
      expect(await stateOf(storage)).toEqual({ a: "2", b: "3" });
    });

    it("truncates durable entries when others replace them", async () => {
      await storage.open();
      await written(storage, { entries: entries(1, 10) });
      await reopened();
      await written(storage, { entries: entries(6, 7, 2) });
      const restore = await afterCrash();
      expect(plain(restore.entries)).toEqual(plain([...entries(1, 5), ...entries(6, 7, 2)]));
      await written(storage, { entries: entries(8, 9, 2) });
      expect((await reopened()).entries.length).toBe(9);
    });

    it("loses nothing that was handed over before an orderly close", async () => {
      await storage.open();
      for (let index = 1; index <= 20; index++) {
        storage.write({ groupId: 0, entries: entries(index, index) }, () => {});
      }
      expect((await reopened()).entries.length).toBe(20);
    });

    it("refuses a change that would damage the log, and stays usable", async () => {
      await storage.open();
      await written(storage, { entries: entries(1, 3), applied: applied(2, {}) });
      const refused = [
        { entries: entries(5, 6) },
        { entries: entries(2, 4) },
        { entries: [...entries(4, 4), ...entries(6, 6)] },
        { applied: applied(1, {}) },
        { applied: applied(4, {}) },
        { hardState: { term: 1, vote: null, commit: 4 } },
        { compactTo: point(3) },
        { installSnapshot: point(9) },
        { groupId: 7, nodeRecord: { clusterId: "c", nodeId: "n", name: "n" } },
      ];
      for (const change of refused) {
        expect(() => storage.write({ groupId: 0, ...change }, () => {})).toThrow(
          expect.objectContaining({ code: "storage-failed" }),
        );
      }
      await written(storage, { entries: entries(4, 4) });
      expect((await reopened()).entries.length).toBe(4);
    });

    it("drops compacted entries and remembers the point", async () => {
      await storage.open();
      await written(storage, { entries: entries(1, 30), applied: applied(25, { k: "v" }) });
      const before = storage.stats().logSizeBytes;
      await written(storage, { compactTo: point(20) });
      expect(storage.stats().logSizeBytes).toBeLessThan(before / 2);
      const restore = await afterCrash();
      expect(restore.snapshot).toEqual(point(20));
      expect(plain(restore.entries)).toEqual(plain(entries(21, 30)));
      await written(storage, { entries: entries(31, 31), compactTo: point(25) });
      expect(plain((await reopened()).entries)).toEqual(plain(entries(26, 31)));
      await written(storage, { compactTo: point(21) });
      expect((await reopened()).snapshot.index).toBe(25);
      expect(await stateOf(storage)).toEqual({ k: "v" });
    });

    it("holds the configuration a founder starts with", async () => {
      await storage.open();
      await written(storage, { applied: applied(0, {}, 0) });
      expect(await storage.openStateView()).toBeNull();
      expect((await afterCrash()).configuration).toEqual(configuration);
    });

    it("has no view before anything was applied", async () => {
      await storage.open();
      await written(storage, { entries: entries(1, 1) });
      expect(await storage.openStateView()).toBeNull();
    });

    it("shows a view of one index while the state moves on", async () => {
      await storage.open();
      const records: Record<string, string> = {};
      for (let count = 0; count < 500; count++) records[`key ${count}`] = `value ${count}`;
      await written(storage, { entries: entries(1, 9), applied: applied(5, records) });
      const view = (await storage.openStateView())!;
      await written(storage, {
        applied: applied(6, { "key 7": null, "key 8": "other", new: "x" }),
      });
      expect(view.point).toEqual(point(5));
      const seen: Record<string, string> = {};
      let chunks = 0;
      for await (const chunk of view.chunks(1_000)) {
        chunks++;
        const sizes = chunk.map(({ key, value }) => key.length + value!.byteLength);
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(1_100);
        for (const { key, value } of chunk) seen[key] = Buffer.from(value!).toString();
      }
      expect(chunks).toBeGreaterThan(5);
      expect(seen).toEqual(records);
      await view.close();
    });

    it("shows the rest of a view behind any of its keys", async () => {
      await storage.open();
      const records = { a: "1", "a\u0000": "2", ab: "3", b: "4", é: "5" };
      await written(storage, { entries: entries(1, 1), applied: applied(1, records) });
      const view = (await storage.openStateView())!;
      const order: string[] = [];
      for await (const chunk of view.chunks(1)) order.push(...chunk.map(({ key }) => key));
      for (const [at, after] of order.entries()) {
        const rest: string[] = [];
        for await (const chunk of view.chunks(2, after)) rest.push(...chunk.map(({ key }) => key));
        expect(rest).toEqual(order.slice(at + 1));
      }
      await view.close();
    });

    it("installs a staged snapshot in one step", async () => {
      await storage.open();
      await written(storage, {
        entries: entries(1, 8),
        applied: applied(4, { old: "1", both: "old" }),
      });
      await storage.beginStaging();
      await storage.stage(puts({ both: "new" }));
      await storage.stage(puts({ fresh: "2" }));
      expect(await stateOf(storage)).toEqual({ old: "1", both: "old" });
      await written(storage, {
        installSnapshot: point(50, 3),
        hardState: { term: 3, vote: null, commit: 50 },
      });
      expect(await stateOf(storage)).toEqual({ both: "new", fresh: "2" });
      await written(storage, {
        entries: entries(51, 52, 3),
        applied: applied(51, { late: "3" }, 3),
      });
      const restore = await afterCrash();
      expect(restore).toMatchObject({ snapshot: point(50, 3), appliedIndex: 51, appliedTerm: 3 });
      expect(plain(restore.entries)).toEqual(plain(entries(51, 52, 3)));
      expect(await stateOf(storage)).toEqual({ both: "new", fresh: "2", late: "3" });
    });

    it("accepts the snapshot of an empty state, one inside the log, and two in a row", async () => {
      await storage.open();
      await written(storage, { entries: entries(1, 8), applied: applied(4, { old: "1" }) });
      await storage.beginStaging();
      await written(storage, { installSnapshot: point(6, 2) });
      expect((await reopened()).entries).toEqual([]);
      expect(await stateOf(storage)).toEqual({});
      await storage.beginStaging();
      await storage.stage(puts({ second: "2" }));
      await written(storage, { installSnapshot: point(7, 2), entries: entries(8, 8, 2) });
      expect((await afterCrash()).snapshot).toEqual(point(7, 2));
      expect(await stateOf(storage)).toEqual({ second: "2" });
    });

    it("keeps an open view whole when another snapshot is installed", async () => {
      await storage.open();
      await written(storage, { entries: entries(1, 2), applied: applied(2, { old: "1" }) });
      const view = (await storage.openStateView())!;
      await storage.beginStaging();
      await storage.stage(puts({ fresh: "2" }));
      await written(storage, { installSnapshot: point(9) });
      await written(storage, { entries: entries(10, 10) });
      const seen: string[] = [];
      for await (const chunk of view.chunks(1)) seen.push(...chunk.map(({ key }) => key));
      expect(seen).toEqual(["old"]);
      expect(view.point.index).toBe(2);
      await view.close();
    });

    it("forgets an unfinished snapshot", async () => {
      await storage.open();
      await written(storage, { entries: entries(1, 2), applied: applied(2, { live: "1" }) });
      await storage.beginStaging();
      await storage.stage(puts({ a: "1" }));
      await storage.beginStaging();
      await storage.stage(puts({ b: "1" }));
      await afterCrash();
      expect(await stateOf(storage)).toEqual({ live: "1" });
      await expect(storage.stage(puts({ c: "1" }))).rejects.toMatchObject({
        code: "storage-failed",
      });
      await storage.beginStaging();
      await storage.stage(puts({ d: "1" }));
      await written(storage, { installSnapshot: point(5) });
      expect(await stateOf(storage)).toEqual({ d: "1" });
    });

    it("does not care what the caller does with its buffers afterwards", async () => {
      await storage.open();
      const data = bytes("payload");
      const value = bytes("value");
      const change = written(storage, {
        entries: [{ term: 1, index: 1, type: 0, data }],
        applied: { index: 1, term: 1, configuration, writes: [{ key: "k", value }] },
      });
      data.fill(0);
      value.fill(0);
      await change;
      const restore = await afterCrash();
      expect(plain(restore.entries)).toEqual(["1/1/0 payload"]);
      expect(await stateOf(storage)).toEqual({ k: "value" });
    });

    it("drops changes after close and refuses everything before open", async () => {
      expect(() => storage.write({ groupId: 0 }, () => {})).toThrow(
        expect.objectContaining({ code: "stopped" }),
      );
      await storage.open();
      await storage.close();
      let isDone = false;
      storage.write({ groupId: 0, entries: entries(1, 1) }, () => {
        isDone = true;
      });
      await storage.close();
      expect(isDone).toBe(false);
      expect((await reopened()).entries).toEqual([]);
    });
  });
}
