import { describe, expect, test } from "vitest";
import { checkRegister, type Operation } from "../../../scripts/chaos/linearizability.ts";
import { seededRandom } from "../../../scripts/support/random.ts";

const unknown = Number.POSITIVE_INFINITY;

function write(value: string, startMs: number, endMs: number): Operation {
  return { kind: "write", value, startMs, endMs, by: "writer" };
}

function read(value: string | null, startMs: number, endMs: number): Operation {
  return { kind: "read", value, startMs, endMs, by: "reader" };
}

function isLinearizable(...operations: Operation[]): boolean {
  return checkRegister(operations).isLinearizable;
}

/** Operations of `clients` that overlap, each taking effect at a random moment between its call and its return. */
function correctHistory(count: number, clients: number, seed: number): Operation[] {
  const random = seededRandom(seed);
  const freeMs = Array.from({ length: clients }, () => random() * 10);
  const planned = Array.from({ length: count }, (_, i) => {
    const startMs = (freeMs[i % clients] ?? 0) + random();
    const endMs = startMs + 1 + random() * 20;
    freeMs[i % clients] = endMs;
    return { i, startMs, endMs, atMs: startMs + random() * (endMs - startMs) };
  });
  let value: string | null = null;
  return planned
    .sort((a, b) => a.atMs - b.atMs)
    .map(({ i, startMs, endMs }) => {
      if (random() < 0.5) return read(value, startMs, endMs);
      value = `v${i}`;
      return write(value, startMs, random() < 0.05 ? unknown : endMs);
    });
}

describe("linearizable", () => {
  test("nothing happened", () => {
    expect(isLinearizable()).toBe(true);
  });

  test("a read during a write sees the old value or the new one, in either order of two readers", () => {
    const base = [write("a", 0, 1), write("b", 2, 10)];
    expect(isLinearizable(...base, read("a", 3, 4), read("b", 5, 6))).toBe(true);
    expect(isLinearizable(...base, read("b", 3, 6), read("a", 4, 5))).toBe(true);
  });

  test("an unknown write took effect late, or never", () => {
    const base = [write("a", 0, 1), write("b", 2, unknown), read("a", 50, 51)];
    expect(isLinearizable(...base)).toBe(true);
    expect(isLinearizable(...base, read("b", 60, 61))).toBe(true);
  });

  test("nothing was there before the first write ended", () => {
    expect(isLinearizable(read(null, 0, 2), write("a", 1, 3))).toBe(true);
  });

  test("a thousand operations of eight clients in less than a second", () => {
    const operations = correctHistory(1000, 8, 1);
    const startMs = performance.now();
    expect(isLinearizable(...operations)).toBe(true);
    expect(performance.now() - startMs).toBeLessThan(1000);
  });

  test.each(Array.from({ length: 50 }, (_, seed) => seed))("correct history %i", (seed) => {
    expect(isLinearizable(...correctHistory(120, 6, seed))).toBe(true);
  });
});

describe("not linearizable", () => {
  test("a lost write: acknowledged, then the value before it", () => {
    const verdict = checkRegister([write("a", 0, 1), write("b", 2, 3), read("a", 4, 5)]);
    expect(verdict).toMatchObject({
      isLinearizable: false,
      blocking: { kind: "read", value: "a" },
    });
  });

  test("an acknowledged write, and nothing is there", () => {
    expect(isLinearizable(write("a", 0, 1), read(null, 2, 3))).toBe(false);
  });

  test("a reader goes back in time", () => {
    const base = [write("a", 0, 1), write("b", 2, 20)];
    expect(isLinearizable(...base, read("b", 3, 4), read("a", 5, 6))).toBe(false);
  });

  test("an unknown write is seen, gone, and seen again", () => {
    const base = [write("a", 0, 1), write("b", 2, unknown), write("c", 10, 11)];
    expect(isLinearizable(...base, read("b", 5, 6), read("c", 12, 13), read("b", 14, 15))).toBe(
      false,
    );
  });

  test("a value that nobody wrote, or that was written later", () => {
    expect(isLinearizable(write("a", 0, 1), read("x", 2, 3))).toBe(false);
    expect(isLinearizable(read("a", 0, 1), write("a", 2, 3))).toBe(false);
  });

  test.each(Array.from({ length: 20 }, (_, seed) => seed))(
    "a stale read planted in history %i",
    (seed) => {
      const operations = correctHistory(300, 6, seed);
      const acknowledged = operations.filter(
        ({ kind, endMs }) => kind === "write" && endMs !== unknown,
      );
      const [first] = acknowledged;
      const endMs = Math.max(...acknowledged.map((operation) => operation.endMs)) + 1;
      const planted = read(first?.value ?? null, endMs + 1, endMs + 2);
      expect(isLinearizable(...operations, planted)).toBe(false);
    },
  );
});

test("a value written twice is refused", () => {
  expect(() => checkRegister([write("a", 0, 1), write("a", 2, 3)])).toThrow("written twice");
});
