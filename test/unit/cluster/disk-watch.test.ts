import { describe, expect, test } from "vitest";
import { type DiskSpace, DiskWatch } from "../../../cluster/drivers/disk-watch.ts";
import type { Transport } from "../../../cluster/transport/transport.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { MemoryFlock } from "../../support/memory-flock.ts";

const mebibyte = 1024 * 1024;
const space = (freeMebibytes: number): DiskSpace => ({
  freeSizeBytes: freeMebibytes * mebibyte,
  totalSizeBytes: 100_000 * mebibyte,
});

/** One node's watch; `lows` says of each other voter whether its disk is nearly full. */
class Rig {
  readonly clock = new FakeClock();
  readonly lines: string[] = [];
  readonly transfers: string[] = [];
  readonly lows = new Map<string, number>();
  isLeader = false;
  space: DiskSpace | Error = space(1000);
  readonly watch: DiskWatch;

  constructor(diskReserveSizeBytes: number | null = null) {
    const note = (_fields: object, message: string) => this.lines.push(message);
    const request = async (to: string) => Uint8Array.of(this.lows.get(to) ?? 0);
    this.watch = new DiskWatch({
      clock: this.clock,
      log: { debug: note, info: note, warn: note, error: note },
      transport: { request } as unknown as Transport,
      diskReserveSizeBytes,
      diskSpace: async () => {
        if (this.space instanceof Error) throw this.space;
        return this.space;
      },
      isLeader: () => this.isLeader,
      successors: () => [...this.lows.keys()],
      transfer: async (to) => {
        this.transfers.push(to);
        this.isLeader = false;
      },
    });
    this.watch.start();
  }

  async round(next: DiskSpace | Error): Promise<boolean> {
    this.space = next;
    // The round under way ends, the next one begins and ends.
    for (let turn = 0; turn < 2; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.advance(turn === 0 ? 5000 : 0);
    }
    await new Promise((resolve) => setImmediate(resolve));
    return this.watch.isLow;
  }
}

describe("the disk alarm", () => {
  test("comes below the reserve, says so once, and goes when there is clearly room", async () => {
    const rig = new Rig();
    expect(await rig.round(space(257))).toBe(false);
    expect(await rig.round(space(255))).toBe(true);
    expect(await rig.round(space(200))).toBe(true);
    expect(await rig.round(space(260))).toBe(true);
    expect(await rig.round(space(300))).toBe(false);
    expect(rig.lines).toEqual([
      "the disk is nearly full: this node takes no writes of its clients",
      "the disk has room again: this node takes writes",
    ]);
  });

  test("is 5 % of a small file system, what was asked for, or none", async () => {
    const small = (free: number) => ({ freeSizeBytes: free, totalSizeBytes: 1000 });
    const byDefault = new Rig();
    expect([await byDefault.round(small(50)), await byDefault.round(small(49))]).toEqual([
      false,
      true,
    ]);
    expect(await new Rig(20 * mebibyte).round(space(19))).toBe(true);
    expect(await new Rig(0).round(space(0))).toBe(false);
  });

  test("makes the leader hand over to a voter with room, and to nobody when there is none", async () => {
    const rig = new Rig();
    rig.isLeader = true;
    rig.lows.set("full", 1);
    await rig.round(space(10));
    expect(rig.transfers).toEqual([]);
    rig.lows.set("roomy", 0);
    await rig.round(space(10));
    expect(rig.transfers).toEqual(["roomy"]);
    expect(await rig.watch.onRequest("disk")).toEqual(Uint8Array.of(1));
  });

  test("stays as it is while the free space cannot be read, which is said once", async () => {
    const rig = new Rig();
    await rig.round(space(10));
    expect(await rig.round(new Error("EIO"))).toBe(true);
    expect(await rig.round(new Error("EIO"))).toBe(true);
    expect(rig.lines.filter((line) => line.includes("cannot be read"))).toHaveLength(1);
  });
});

test("a leader whose disk fills refuses its own clients, follows, and still stores what others commit", async () => {
  const flock = new MemoryFlock();
  let freeMebibytes = 1000;
  const full = await flock.add({ diskSpace: async () => space(freeMebibytes) });
  await flock.grow(3);
  expect(flock.leader).toBe(full);
  freeMebibytes = 1;
  await flock.until(() => full.gauge("disk_low") === 1, "the alarm");
  expect(await flock.settle(full.propose("a=1"))).toEqual({
    status: "rejected",
    reason: "overloaded",
  });
  await flock.until(() => flock.findLeader() !== null && !full.isLeader, "another one leads");
  expect((await flock.settle(flock.leader.propose("b=2"))).status).toBe("applied");
  await flock.converged();
  expect([full.machine.values.get("a"), full.machine.values.get("b")]).toEqual([undefined, "2"]);
  freeMebibytes = 1000;
  await flock.until(() => full.gauge("disk_low") === 0, "the alarm is over");
  expect((await flock.settle(full.propose("a=1"))).status).toBe("applied");
});
