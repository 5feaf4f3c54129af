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

function cas(expected: string | null, value: string, startMs: number, endMs: number): Operation {
  return { kind: "cas", expected, value, startMs, endMs, by: "swapper" };
}

function mismatch(expected: string | null, startMs: number, endMs: number): Operation {
  return { kind: "mismatch", expected, value: null, startMs, endMs, by: "swapper" };
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
      if (random() < 0.4) return read(value, startMs, endMs);
      const before = value;
      if (random() < 0.1) return mismatch(before === null ? "x" : null, startMs, endMs);
      value = `v${i}`;
      if (random() < 0.3) return cas(before, value, startMs, random() < 0.05 ? unknown : endMs);
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

  test("concurrent writes take effect in some order, and an unfinished one perhaps never", () => {
    const base = [write("a", 1, 9), write("b", 2, 8)];
    expect(isLinearizable(...base, read("b", 10, 11))).toBe(true);
    expect(isLinearizable(...base, read("a", 10, 11))).toBe(true);
    const late = [write("a", 1, unknown), read(null, 2, 3), write("b", 4, 5), read("b", 6, 7)];
    expect(isLinearizable(...late)).toBe(true);
  });

  test("a compare-and-set follows what it found, and one that fails found something else", () => {
    const base = [write("a", 0, 1), cas("a", "b", 2, 5), read("b", 6, 7)];
    expect(isLinearizable(...base)).toBe(true);
    expect(isLinearizable(...base, mismatch("a", 3, 8))).toBe(true);
    expect(isLinearizable(...base, mismatch("b", 3, 8))).toBe(true);
    expect(isLinearizable(cas(null, "a", 0, 1), read("a", 2, 3))).toBe(true);
  });

  test("an unknown compare-and-set happened if somebody built on it", () => {
    const base = [write("a", 0, 1), cas("a", "b", 2, unknown)];
    expect(isLinearizable(...base, read("a", 3, 4))).toBe(true);
    expect(isLinearizable(...base, cas("b", "c", 3, unknown), read("c", 5, 6))).toBe(true);
  });

  test("a thousand operations of eight clients in less than a second", () => {
    const operations = correctHistory(1000, 8, 1);
    const startMs = performance.now();
    expect(isLinearizable(...operations)).toBe(true);
    expect(performance.now() - startMs).toBeLessThan(1000);
  });

  test.each(Array.from({ length: 50 }, (_, seed) => seed))("correct history %i", (seed) => {
    const history = correctHistory(120, 6, seed);
    expect(isLinearizable(...history)).toBe(true);
    const rankOf = (value: string | null): number => Number(value?.slice(1) ?? -1);
    expect(checkRegister(history, rankOf).isLinearizable).toBe(true);
    expect(checkRegister(history, () => 0).isLinearizable).toBe(true);
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

  test("two readers disagree on the order", () => {
    const base = [write("a", 1, 20), write("b", 2, 20)];
    expect(isLinearizable(...base, read("a", 3, 4), read("b", 5, 6), read("a", 7, 8))).toBe(false);
  });

  test("two compare-and-sets found the same value", () => {
    const base = [write("a", 0, 1), cas("a", "b", 2, 9)];
    expect(isLinearizable(...base, cas("a", "c", 2, 9))).toBe(false);
    expect(isLinearizable(...base, cas("a", "c", 2, unknown), read("c", 10, 11))).toBe(false);
  });

  test("a compare-and-set failed though its value was there", () => {
    expect(isLinearizable(write("a", 0, 1), mismatch("a", 2, 3), write("b", 4, 5))).toBe(false);
  });

  test("a compare-and-set built on what was overwritten before it began", () => {
    expect(isLinearizable(write("a", 0, 1), write("b", 2, 3), cas("a", "c", 4, 5))).toBe(false);
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
