import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Scrubber } from "../../../cluster/drivers/scrubber.ts";
import type { ClusterError } from "../../../cluster/errors.ts";
import { Counters } from "../../../cluster/ports.ts";
import type { LevelStorage } from "../../../cluster/storage/level-storage.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { fill, LevelDirectory } from "../../support/level-directory.ts";
import { silentLog } from "../../support/silent-log.ts";

const day = 86_400_000;
let directory: LevelDirectory;
let storage: LevelStorage;
let clock: FakeClock;
let damages: ClusterError[];
let scrubber: Scrubber;
let counters: Counters;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  directory = await LevelDirectory.make();
  const first = directory.storage();
  await first.open();
  await fill(first);
  await first.close();
  // Opened again, LevelDB has moved its log into a table file.
  storage = directory.storage();
  await storage.open();
  clock = new FakeClock();
  damages = [];
  counters = new Counters();
  scrubber = new Scrubber({
    clock,
    log: silentLog,
    counters,
    storage,
    scrubIntervalMs: day,
    checkState: async () => null,
    damaged: (error) => damages.push(error),
  });
  scrubber.start();
});

afterEach(async () => {
  scrubber.stop();
  await storage.close();
  vi.useRealTimers();
  await directory.remove();
});

/** Time goes on while the disk answers. */
async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100_000 && !condition(); turn++) {
    clock.advance(20);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(condition()).toBe(true);
}

describe("a running node", () => {
  it("reads everything once a day and finds whole files whole", async () => {
    clock.advance(day - 1);
    expect(counters.get("storage_scrubs")).toBe(0);
    clock.advance(1);
    await until(() => counters.get("storage_scrubs") === 1);
    clock.advance(day);
    await until(() => counters.get("storage_scrubs") === 2);
    expect(damages).toEqual([]);
  });

  it("finds a byte that flipped in a table, and names the file", async () => {
    const [table] = await directory.databaseFiles(/\.ldb$/);
    expect(table).toBeDefined();
    await directory.flip(table ?? "", 200);
    clock.advance(day);
    await until(() => damages.length > 0);
    expect(damages[0]?.code).toBe("storage-corrupt");
    expect(damages[0]?.message).toContain(table);
    expect(counters.get("storage_scrubs_damaged")).toBe(1);
  });

  it("stops reading when it stops", async () => {
    clock.advance(day);
    scrubber.stop();
    await storage.close();
    clock.advance(day);
    expect(counters.get("storage_scrubs")).toBe(0);
    expect(damages).toEqual([]);
  });
});
