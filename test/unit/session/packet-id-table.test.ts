import fc from "fast-check";
import { expect, test } from "vitest";
import { PacketIdTable } from "../../../src/session/packet-id-table.ts";

interface Change {
  readonly packetId: number;
  readonly isAdded: boolean;
}

const change = fc.record<Change>({
  // Few low bits, so that many meet.
  packetId: fc.oneof(fc.nat(40), fc.constantFrom(16, 32, 48, 64, 65_520, 65_535)),
  isAdded: fc.boolean(),
});

test("it finds what a map finds, whatever was added and removed", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
      const table = new PacketIdTable<Change>();
      const map = new Map<number, Change>();
      for (const each of changes) {
        if (!each.isAdded) {
          table.delete(each.packetId);
          map.delete(each.packetId);
        } else if (!map.has(each.packetId)) {
          table.add(each);
          map.set(each.packetId, each);
        }
      }
      expect(table.size).toBe(map.size);
      for (let packetId = 0; packetId <= 64; packetId++) {
        expect(table.get(packetId)).toBe(map.get(packetId));
      }
      expect(new Set(table.values())).toEqual(new Set(map.values()));
    }),
  );
});

test("all 65,535 identifiers have room", () => {
  const table = new PacketIdTable<{ readonly packetId: number }>();
  for (let packetId = 1; packetId <= 65_535; packetId++) table.add({ packetId });
  expect(table.size).toBe(65_535);
  expect(table.get(65_535)).toEqual({ packetId: 65_535 });
  for (let packetId = 1; packetId <= 65_535; packetId++) table.delete(packetId);
  expect([table.size, table.has(1)]).toEqual([0, false]);
});

test("it keeps the room for a burst that comes again and again", () => {
  const table = new PacketIdTable<{ readonly packetId: number }>();
  const slotCounts: number[] = [];
  for (let first = 1; first <= 400; first += 30) {
    for (let packetId = first; packetId < first + 30; packetId++) table.add({ packetId });
    slotCounts.push(table.slotCount);
    for (let packetId = first; packetId < first + 30; packetId++) table.delete(packetId);
    slotCounts.push(table.slotCount);
  }
  expect(new Set(slotCounts)).toEqual(new Set([64]));
});

test("it gives back the memory of a crowd that is gone, and still finds who stayed", () => {
  const table = new PacketIdTable<{ readonly packetId: number }>();
  for (let packetId = 1; packetId <= 65_535; packetId++) table.add({ packetId });
  const crowded = table.slotCount;
  for (let packetId = 1; packetId <= 65_535; packetId++) {
    if (packetId % 10_000 !== 0) table.delete(packetId);
  }
  expect(crowded).toBeGreaterThan(65_535);
  expect(table.slotCount).toBeLessThanOrEqual(64);
  expect(
    table
      .values()
      .map(({ packetId }) => packetId)
      .sort((a, b) => a - b),
  ).toEqual([10_000, 20_000, 30_000, 40_000, 50_000, 60_000]);
});
