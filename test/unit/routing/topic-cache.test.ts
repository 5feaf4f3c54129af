import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TopicCache } from "../../../src/routing/topic-cache.ts";

describe("TopicCache", () => {
  it("keeps what is used while what is not used falls out", () => {
    const cache = new TopicCache<number>(20, () => 1);
    cache.set("used", 0);
    for (let index = 1; index <= 100; index++) {
      cache.set(`topic${index}`, index);
      expect(cache.get("used")).toBe(0);
    }
    expect(cache.get("topic1")).toBeUndefined();
    expect(cache.size).toBeLessThanOrEqual(20);
  });

  it("does not keep a value that would push out half of the others", () => {
    const cache = new TopicCache<number>(10, (_, value) => value);
    cache.set("huge", 6);
    expect(cache.get("huge")).toBeUndefined();
  });

  it("has room again for what was deleted", () => {
    const cache = new TopicCache<number>(10, () => 1);
    cache.set("kept", 1);
    for (let round = 0; round < 100; round++) {
      cache.set("coming and going", round);
      cache.delete("coming and going");
    }
    for (let index = 0; index < 4; index++) {
      cache.set(`topic${index}`, index);
    }
    expect(cache.size).toBe(5);
    expect(cache.get("kept")).toBe(1);
  });

  it("keeps nothing when it is off", () => {
    const cache = new TopicCache<number>(0, () => 1);
    cache.set("a", 1);
    expect(cache.get("a")).toBeUndefined();
    expect(cache.misses).toBe(1);
  });

  it("never returns a stale value and never exceeds its bound", () => {
    const topic = fc.constantFrom("a", "b", "c", "d", "e", "f");
    const step = fc.record({
      topic,
      kind: fc.constantFrom("put", "get", "delete", "clear"),
      value: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const cache = new TopicCache<number>(12, (_, value) => value);
        const model = new Map<string, number>();
        for (const { topic: name, kind, value } of steps) {
          if (kind === "put") {
            cache.delete(name);
            cache.set(name, value);
            model.set(name, value);
          } else if (kind === "get") {
            expect([undefined, model.get(name)]).toContain(cache.get(name));
          } else if (kind === "delete") {
            cache.delete(name);
            model.delete(name);
          } else {
            cache.clear();
            model.clear();
          }
          expect(cache.size).toBeLessThanOrEqual(12);
        }
      }),
    );
  });
});
