import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chainSizeBytes, chainStart } from "../../../../cluster/storage/log/record.ts";
import { LogTable } from "../../../../cluster/storage/log/table.ts";

function chain(seed: number): Uint8Array {
  return new Uint8Array(chainSizeBytes).fill(seed % 256);
}

const step = fc.oneof(
  fc.record({ kind: fc.constant("append" as const), count: fc.integer({ min: 1, max: 900 }) }),
  fc.record({
    kind: fc.constant("truncate" as const),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  fc.record({
    kind: fc.constant("drop" as const),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
);

describe("the log table", () => {
  it("agrees with a plain list, whatever is appended, truncated and dropped", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const table = new LogTable(100, chainStart);
        let base = 100;
        let list = [{ seed: 0, sizeBytes: 0 }];
        let seed = 1;
        for (const action of steps) {
          const length = list.length - 1;
          if (action.kind === "append") {
            for (let count = 0; count < action.count; count++, seed++) {
              table.append(chain(seed), seed % 7);
              list.push({ seed, sizeBytes: seed % 7 });
            }
          } else if (action.kind === "truncate") {
            const kept = Math.floor(length * action.part);
            table.truncateTo(base + kept);
            list = list.slice(0, kept + 1);
          } else {
            const dropped = Math.floor(length * action.part);
            table.dropThrough(base + dropped);
            list = list.slice(dropped);
            base += dropped;
          }
          expect(table.baseIndex).toBe(base);
          expect(table.lastIndex).toBe(base + list.length - 1);
          expect(table.sizeBytes).toBe(list.slice(1).reduce((sum, one) => sum + one.sizeBytes, 0));
          for (const slot of [0, list.length >> 1, list.length - 1]) {
            expect(table.chainAt(base + slot)).toEqual(chain(list[slot]!.seed));
          }
        }
      }),
    );
  });

  it("knows no chain outside the log", () => {
    const table = new LogTable(5, chainStart);
    expect(() => table.chainAt(4)).toThrow(RangeError);
    expect(() => table.chainAt(6)).toThrow(RangeError);
  });
});
