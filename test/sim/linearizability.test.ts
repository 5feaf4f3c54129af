import { describe, expect, test } from "vitest";
import { checkRegister, type Operation } from "./linearizability.ts";
import { Seeded } from "./seeded.ts";

const write = (value: string, start: number, end: number): Operation => ({
  ...{ type: "write", value, start, end },
});
const read = (value: string | null, start: number, end: number): Operation => ({
  ...{ type: "read", value, start, end },
});
const never = Number.POSITIVE_INFINITY;

describe("a register's history is linearizable when", () => {
  test.each<[string, readonly Operation[]]>([
    ["nothing happens", []],
    ["a read sees the initial value", [read(null, 1, 2)]],
    ["reads follow writes", [write("a", 1, 2), read("a", 3, 4), write("b", 5, 6), read("b", 7, 8)]],
    [
      "a read during a write sees either value",
      [write("a", 1, 9), read(null, 2, 3), read("a", 4, 5)],
    ],
    [
      "concurrent writes take effect in some order",
      [write("a", 1, 9), write("b", 2, 8), read("b", 10, 11)],
    ],
    [
      "an unfinished write takes effect late",
      [write("a", 1, never), read(null, 2, 3), read("a", 4, 5)],
    ],
    [
      "an unfinished write never takes effect",
      [write("a", 1, never), read(null, 2, 3), write("b", 4, 5), read("b", 6, 7)],
    ],
  ])("%s", (_claim, history) => {
    expect(checkRegister(history)).toBe("linearizable");
  });
});

describe("a register's history is not linearizable when", () => {
  test.each<[string, readonly Operation[]]>([
    ["a read misses a finished write", [write("a", 1, 2), read(null, 3, 4)]],
    ["a read goes back", [write("a", 1, 9), read("a", 2, 3), read(null, 4, 5)]],
    ["a value comes from nowhere", [read("x", 1, 2)]],
    [
      "an overwritten value comes back",
      [write("a", 1, 2), write("b", 3, 4), read("b", 5, 6), read("a", 7, 8)],
    ],
    [
      "two readers disagree on the order",
      [write("a", 1, 20), write("b", 2, 20), read("a", 3, 4), read("b", 5, 6), read("a", 7, 8)],
    ],
    ["a read sees a write before it began", [read("a", 1, 2), write("a", 3, never)]],
  ])("%s", (_claim, history) => {
    expect(checkRegister(history)).toBe("violated");
  });
});

/** A register with clients whose operations take effect at a random moment within their intervals. */
function honestHistory(random: Seeded): Operation[] {
  const moments = Array.from({ length: 60 }, (_, i) => i);
  let value: string | null = null;
  const slots = moments.map((i) => ({ at: i * 10 + random.next(), i }));
  return slots.map(({ at, i }) => {
    const start = at - random.between(0, 40);
    const end = at + random.between(0, 40);
    if (random.chance(0.5)) return { type: "read", value, start, end };
    value = `v${i}`;
    return { type: "write", value, start, end: random.chance(0.1) ? never : end };
  });
}

test("histories of an honest register pass, and fail when one read is made stale", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const history = honestHistory(new Seeded(seed));
    expect(checkRegister(history), `seed ${seed}`).toBe("linearizable");
    const at = history.findLastIndex(({ type, value }) => type === "read" && value !== null);
    const later = Math.max(...history.map(({ end }) => (end === never ? 0 : end)));
    if (at < 0) continue;
    const broken = [...history, read("v0", later + 1, later + 2), read("v1", later + 3, later + 4)];
    expect(checkRegister([...broken, read("v0", later + 5, later + 6)])).toBe("violated");
  }
});
