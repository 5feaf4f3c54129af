import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RecordSlabs } from "../../../src/replica/record-slabs.ts";

const slabSizeBytes = 262_144;

function record(seed: number, sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes, String(seed));
}

describe("RecordSlabs", () => {
  it("keep every record and its hash, whatever else is added, replaced and deleted", () => {
    const size = fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 300 }) },
      { weight: 3, arbitrary: fc.integer({ min: 10_000, max: 60_000 }) },
      { weight: 1, arbitrary: fc.integer({ min: 65_000, max: 300_000 }) },
    );
    const step = fc.record({
      kind: fc.constantFrom("add", "add", "replace", "delete"),
      which: fc.nat(),
      size,
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
        const slabs = new RecordSlabs();
        const model = new Map<number, { value: Buffer; low: number; high: number }>();
        for (const [seed, { kind, which, size: sizeBytes }] of steps.entries()) {
          const value = record(seed, sizeBytes);
          const kept = { value, low: -1 - seed, high: 2 ** 31 - 1 - seed };
          const slot = [...model.keys()][which % Math.max(1, model.size)];
          if (kind === "add" || slot === undefined) {
            model.set(slabs.add(value, kept), kept);
          } else if (kind === "replace") {
            slabs.replace(slot, value, kept);
            model.set(slot, kept);
          } else {
            slabs.delete(slot);
            model.delete(slot);
          }
        }
        let liveBytes = 0;
        for (const [slot, { value, low, high }] of model) {
          expect(slabs.view(slot).equals(value)).toBe(true);
          expect(slabs.sizeOf(slot)).toBe(value.length);
          expect(slabs.hashOf(slot)).toEqual({ low, high });
          liveBytes += value.length + 28;
        }
        // What a large record leaves free at the end of a slab is less than a quarter of it.
        expect(slabs.sizeBytes).toBeLessThan((liveBytes * 16) / 9 + 2 * slabSizeBytes);
      }),
      { numRuns: 300 },
    );
  });

  it("give memory back when most records are gone, and use slots again", () => {
    const slabs = new RecordSlabs();
    const hash = { low: 1, high: 2 };
    const slots = Array.from({ length: 20_000 }, (_, at) => slabs.add(record(at, 120), hash));
    expect(slabs.sizeBytes).toBeLessThan(20_000 * 150);
    for (const slot of slots) if (slot % 50 !== 0) slabs.delete(slot);
    expect(slabs.sizeBytes).toBeLessThan(2 * slabSizeBytes);
    for (const slot of slots) {
      if (slot % 50 === 0) expect(slabs.view(slot).equals(record(slot, 120))).toBe(true);
    }
    const again = Array.from({ length: 10_000 }, (_, at) => slabs.add(record(at, 120), hash));
    expect(Math.max(...again)).toBeLessThan(20_000);
  });

  it("take no more memory for records that are written again and again", () => {
    const slabs = new RecordSlabs();
    const hash = { low: 1, high: 2 };
    const slots = Array.from({ length: 5_000 }, (_, at) => slabs.add(record(at, 120), hash));
    const beforeBytes = slabs.sizeBytes;
    for (let at = 0; at < 100_000; at++) {
      slabs.replace(slots[(at * 7919) % 5_000]!, record(at, 100 + (at % 50)), hash);
    }
    expect(slabs.sizeBytes).toBeLessThan(1.6 * beforeBytes + 2 * slabSizeBytes);
  });
});
