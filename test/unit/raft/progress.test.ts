import { describe, expect, test } from "vitest";
import { Inflights } from "../../../cluster/raft/inflights.ts";
import { Progress } from "../../../cluster/raft/progress.ts";

function progressAt(next: number): Progress {
  return new Progress(next, false, new Inflights(2, 100));
}

describe("inflights", () => {
  test("are bounded in messages and in bytes, and released in order", () => {
    const inflights = new Inflights(2, 100);
    inflights.add(5, 10);
    expect(inflights.isFull).toBe(false);
    inflights.add(7, 10);
    expect(inflights.isFull).toBe(true);
    inflights.releaseTo(6);
    expect([inflights.count, inflights.isFull]).toEqual([1, false]);
    inflights.add(8, 95);
    inflights.releaseTo(7);
    expect([inflights.count, inflights.isFull]).toEqual([1, false]);
    inflights.add(9, 5);
    expect(inflights.isFull).toBe(true);
    inflights.clear();
    expect([inflights.count, inflights.isFull]).toEqual([0, false]);
  });
});

describe("probe", () => {
  test("sends once, then waits for an answer or a heartbeat", () => {
    const progress = progressAt(5);
    progress.sent(6, 10, 3);
    expect([progress.isPaused, progress.next, progress.sentCommit]).toEqual([true, 5, 3]);
    progress.release();
    expect(progress.isPaused).toBe(false);
  });

  test("goes back to the guess, never below the match, and ignores old refusals", () => {
    const progress = progressAt(10);
    expect(progress.refused(8, 2)).toBe(false);
    expect(progress.refused(9, 4)).toBe(true);
    expect(progress.next).toBe(5);
    progress.advance(3);
    expect(progress.refused(4, 0)).toBe(true);
    expect([progress.match, progress.next]).toEqual([3, 4]);
  });
});

describe("replicate", () => {
  test("runs ahead until the window is full", () => {
    const progress = progressAt(1);
    progress.becomeReplicate();
    progress.sent(2, 10, 0);
    expect([progress.next, progress.isPaused]).toEqual([3, false]);
    progress.sent(3, 10, 0);
    expect([progress.next, progress.isPaused]).toEqual([4, true]);
    progress.advance(2);
    expect(progress.isPaused).toBe(false);
  });

  test("a refusal of what is known to match is old; a newer one turns to probing", () => {
    const progress = progressAt(1);
    progress.advance(4);
    progress.becomeReplicate();
    progress.sent(9, 10, 0);
    expect(progress.refused(4, 0)).toBe(false);
    expect(progress.refused(9, 6)).toBe(true);
    expect([progress.state, progress.next]).toEqual(["probe", 7]);
  });
});

describe("snapshot", () => {
  test("waits, then goes on after it when it arrived", () => {
    const progress = progressAt(3);
    progress.becomeSnapshot(20);
    expect(progress.isPaused).toBe(true);
    expect(progress.refused(2, 0)).toBe(false);
    progress.snapshotEnded(true);
    expect([progress.state, progress.next, progress.isPaused]).toEqual(["probe", 21, true]);
  });

  test("starts again from the match when it failed", () => {
    const progress = progressAt(3);
    progress.becomeSnapshot(20);
    progress.snapshotEnded(false);
    expect([progress.state, progress.next, progress.isPaused]).toEqual(["probe", 1, true]);
    progress.snapshotEnded(false);
    expect(progress.state).toBe("probe");
  });
});

test("a node counts as silent after two intervals without an answer", () => {
  const progress = progressAt(1);
  progress.answered();
  progress.startActivityInterval();
  expect([progress.isActive, progress.isRecentlyActive]).toEqual([false, true]);
  progress.startActivityInterval();
  expect(progress.isRecentlyActive).toBe(false);
});
