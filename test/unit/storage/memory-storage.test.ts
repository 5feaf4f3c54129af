import { beforeEach, describe, expect, it } from "vitest";
import { MemoryStorage } from "../../../cluster/storage/memory-storage.ts";
import { entries, puts } from "../../support/storage-changes.ts";

let pending: (() => void)[];
let failures: Error[];
let storage: MemoryStorage;
let done: number[];

const schedule = (run: () => void) => pending.push(run);
const options = { onFailure: (error: Error) => failures.push(error) };

beforeEach(async () => {
  pending = [];
  failures = [];
  done = [];
  storage = new MemoryStorage(schedule, options);
  await storage.open();
});

function append(index: number): void {
  storage.write({ groupId: 0, entries: entries(index, index) }, () => done.push(index));
}

async function lastIndexAfterRestart(): Promise<number> {
  const next = new MemoryStorage(schedule, options, storage.disk);
  return (await next.open()).entries.length;
}

describe("memory storage", () => {
  it("lets the scheduler decide when a batch is durable", async () => {
    append(1);
    append(2);
    append(3);
    expect(pending.length).toBe(1);
    expect(storage.stats()).toMatchObject({ queuedChanges: 3, syncedBatches: 0 });
    pending.shift()!();
    expect(done).toEqual([1]);
    expect(pending.length).toBe(1);
    pending.shift()!();
    expect(done).toEqual([1, 2, 3]);
    expect(storage.stats()).toMatchObject({ queuedChanges: 0, syncedBatches: 2 });
  });

  it("loses in a crash what was not durable, and answers nothing after it", async () => {
    append(1);
    pending.shift()!();
    append(2);
    append(3);
    storage.crash();
    for (const run of pending) run();
    append(4);
    expect(done).toEqual([1]);
    expect(failures).toEqual([]);
    expect(await lastIndexAfterRestart()).toBe(1);
  });

  it("may keep the batch in flight, of which nobody learned", async () => {
    append(1);
    append(2);
    storage.crash("kept");
    expect(done).toEqual([]);
    expect(await lastIndexAfterRestart()).toBe(1);
  });

  it("fails once and for good", async () => {
    append(1);
    await storage.beginStaging();
    const staged = storage.stage(puts({ a: "1" }));
    const broken = new Error("broken disk");
    storage.fail(broken);
    storage.fail(new Error("again"));
    for (const run of pending) run();
    await expect(staged).rejects.toBe(broken);
    append(1);
    await storage.close();
    expect(failures).toEqual([broken]);
    expect(done).toEqual([]);
    expect(await lastIndexAfterRestart()).toBe(0);
  });
});
