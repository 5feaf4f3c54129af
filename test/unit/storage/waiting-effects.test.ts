import { describe, expect, it } from "vitest";
import type { OnceWrite, StateWrite } from "../../../cluster/storage/storage.ts";
import { WaitingEffects } from "../../../cluster/storage/waiting-effects.ts";
import { bytes, configuration, text } from "../../support/storage-changes.ts";

const ignore = (): void => undefined;

function put(key: string, value: string, isNew = false): StateWrite {
  return { key, value: bytes(value), isNew };
}

function gone(key: string): StateWrite {
  return { key, value: null };
}

/** What is left of these, each an entry of its own. */
function left(...writes: readonly StateWrite[]): Record<string, string | null> {
  const effects = new WaitingEffects();
  writes.forEach((write, at) => {
    effects.add({ index: at + 1, term: 1, configuration, writes: [write] }, ignore);
  });
  const { applied } = effects.take()!;
  expect(applied.index).toBe(writes.length);
  const all = applied.writes.map(({ key, value }) => [key, value === null ? null : text(value)]);
  return Object.fromEntries(all);
}

describe("effects that wait", () => {
  it("are the last write to each key", () => {
    expect(left(put("a", "1"), put("b", "1"), put("a", "2"))).toEqual({ a: "2", b: "1" });
    expect(left(put("a", "1"), gone("a"))).toEqual({ a: null });
    expect(left(gone("a"), put("a", "1", true))).toEqual({ a: "1" });
  });

  it("are nothing of what came and went", () => {
    expect(left(put("a", "1", true), gone("a"))).toEqual({});
    expect(left(put("a", "1", true), put("a", "2"), gone("a"))).toEqual({});
    expect(left(put("a", "1", true), gone("a"), put("a", "2", true))).toEqual({ a: "2" });
  });

  it("remove a record that was there before, however often it comes anew", () => {
    expect(left(gone("a"), put("a", "1", true), gone("a"))).toEqual({ a: null });
  });

  it("find a record that was put once by its mark", () => {
    const effects = new WaitingEffects();
    const once = (): OnceWrite => ({ waiting: null });
    const [a, b, c] = [once(), once(), once()];
    const add = (index: number, ...writes: readonly StateWrite[]): void =>
      effects.add({ index, term: 1, configuration, writes }, ignore);
    add(1, { ...put("a", "1", true), once: a }, { ...put("b", "1", true), once: b });
    const written = (): (string | null)[] =>
      effects.take()!.applied.writes.map(({ key, value }) => (value === null ? `-${key}` : key));
    add(2, { ...gone("a"), once: a });
    expect(written()).toEqual(["b"]);
    // It is on the disk now.
    add(3, { ...gone("b"), once: b }, { ...put("c", "1", true), once: c }, gone("d"));
    expect(written()).toEqual(["-d", "-b", "c"]);
  });

  it("let go of what was put once and left out", () => {
    const effects = new WaitingEffects();
    for (let index = 1; index <= 5000; index++) {
      const once: OnceWrite = { waiting: null };
      const writes = [put(`k${index}`, "1", true), gone(`k${index}`)];
      const marked = writes.map((write) => ({ ...write, once }));
      effects.add({ index, term: 1, configuration, writes: marked }, ignore);
    }
    expect(effects.sizeBytes).toBe(0);
    expect(effects.take()!.applied.writes).toEqual([]);
  });

  it("tell all who wait and count their bytes until they are taken", () => {
    const effects = new WaitingEffects();
    expect(effects.take()).toBeNull();
    const told: number[] = [];
    for (const index of [1, 2]) {
      const writes = [put("a", "x".repeat(1000 * index), index === 1)];
      effects.add({ index, term: 1, configuration, writes }, () => told.push(index));
    }
    expect(effects.sizeBytes).toBeGreaterThan(2000);
    expect(effects.sizeBytes).toBeLessThan(2200);
    effects.add({ index: 3, term: 1, configuration, writes: [gone("a")] }, ignore);
    expect(effects.sizeBytes).toBe(0);
    for (const done of effects.take()!.waiters) done();
    expect(told).toEqual([1, 2]);
    expect(effects.take()).toBeNull();
  });
});
