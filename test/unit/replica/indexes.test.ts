import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Expiring, ExpiryQueue } from "../../../src/replica/expiry-queue.ts";
import { SortedKeys } from "../../../src/replica/sorted-keys.ts";

describe("ExpiryQueue", () => {
  it("has the earliest first, by key among equals, whatever was added and removed", () => {
    const step = fc.record({
      key: fc.nat(30).map((key) => String(key).padStart(2, "0")),
      expiresAtMs: fc.nat(5),
      isLate: fc.boolean(),
      isAsked: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
        const queue = new ExpiryQueue<Expiring>();
        const model = new Map<string, Expiring>();
        for (const [at, { key, expiresAtMs: delayMs, isLate, isAsked }] of steps.entries()) {
          const expiresAtMs = isLate ? delayMs : Math.floor(at / 8);
          const held = model.get(key);
          if (held !== undefined) {
            queue.remove(held);
            queue.remove(held);
            model.delete(key);
          } else {
            const item = { expiresAtMs, expiryKey: key, queueIndex: -1 };
            queue.add(item);
            model.set(key, item);
          }
          const earliest = [...model.values()].sort((a, b) => {
            return a.expiresAtMs - b.expiresAtMs || (a.expiryKey < b.expiryKey ? -1 : 1);
          });
          expect(queue.firstMs()).toBe(earliest[0]?.expiresAtMs ?? Number.POSITIVE_INFINITY);
          if (isAsked) expect(queue.first()).toBe(earliest[0]);
          expect(queue.size).toBe(model.size);
        }
        let last = -1;
        for (let item = queue.first(); item !== undefined; item = queue.first()) {
          expect(item.expiresAtMs).toBeGreaterThanOrEqual(last);
          last = item.expiresAtMs;
          queue.remove(item);
        }
      }),
    );
  });
});

describe("ExpiryQueue, with what never ends at its front", () => {
  it("keeps no places of thousands that came and went", () => {
    const queue = new ExpiryQueue<Expiring>();
    const itemAt = (expiresAtMs: number): Expiring => {
      const item = { expiresAtMs, expiryKey: String(expiresAtMs), queueIndex: -1 };
      queue.add(item);
      return item;
    };
    const front = [0, 1, 2].map(itemAt);
    for (let ms = 3; ms < 10_000; ms++) {
      const item = itemAt(ms);
      expect(-item.queueIndex).toBeLessThan(1100);
      queue.remove(item);
    }
    const last = itemAt(10_000);
    for (const item of [...front, last]) {
      expect(queue.first()).toBe(item);
      queue.remove(item);
    }
    expect(queue.size).toBe(0);
    expect(queue.first()).toBeUndefined();
  });
});

describe("SortedKeys", () => {
  it("reads like a sorted set, whenever it is read", () => {
    const step = fc.record({
      key: fc.constantFrom("a", "b", "c", "d", "e"),
      isRead: fc.boolean(),
      limit: fc.nat(6),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const keys = new SortedKeys();
        const model = new Set<string>();
        for (const { key, isRead, limit } of steps) {
          if (isRead) {
            const expected = [...model].sort().filter((other) => other > key);
            expect(keys.after(key, limit)).toEqual(expected.slice(0, limit));
          } else if (model.delete(key)) {
            keys.delete(key);
          } else {
            keys.add(key);
            model.add(key);
          }
        }
      }),
    );
  });
});
