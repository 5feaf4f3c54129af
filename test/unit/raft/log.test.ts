import { describe, expect, test } from "vitest";
import { RaftLog } from "../../../cluster/raft/log.ts";
import { type Entry, EntryType } from "../../../cluster/raft/types.ts";
import { configurationOf } from "../../support/raft/nodes.ts";

const configuration = configurationOf([1]);

function entry(index: number, term: number, sizeBytes = 0): Entry {
  return { index, term, type: EntryType.command, data: new Uint8Array(sizeBytes) };
}

function logOf(terms: readonly number[], base = 0, commit = base): RaftLog {
  const entries = terms.map((term, at) => entry(base + 1 + at, term));
  return new RaftLog(
    { index: base, term: Math.min(base, 1), configuration },
    entries,
    commit,
    base,
  );
}

describe("merge", () => {
  test("keeps what is there when a late message ends before the last entry", () => {
    const log = logOf([1, 1, 1]);
    log.merge([entry(2, 1)]);
    expect(log.lastIndex).toBe(3);
  });

  test("drops everything from the first conflict on", () => {
    const log = logOf([1, 1, 1]);
    log.merge([entry(2, 2)]);
    expect([log.lastIndex, log.lastTerm, log.stableIndex]).toEqual([2, 2, 1]);
  });

  test("never replaces a committed entry", () => {
    const log = logOf([1, 1], 0, 2);
    expect(() => log.merge([entry(2, 2)])).toThrow("a committed entry is never replaced");
  });
});

describe("writes", () => {
  test("the end of an old write does not make a rewritten entry stable", () => {
    const log = logOf([]);
    log.merge([entry(1, 1), entry(2, 1)]);
    log.beginWrite();
    log.merge([entry(2, 2)]);
    log.beginWrite();
    log.merge([entry(2, 3)]);
    log.finishWrite();
    expect(log.stableIndex).toBe(1);
    log.finishWrite();
    expect(log.stableIndex).toBe(1);
    log.beginWrite();
    log.finishWrite();
    expect(log.stableIndex).toBe(2);
  });

  test("a write without entries claims nothing", () => {
    const log = logOf([1]);
    log.beginWrite();
    log.finishWrite();
    expect(log.stableIndex).toBe(1);
  });

  test("a snapshot takes back what earlier writes claim, and stops applying until it is durable", () => {
    const log = logOf([]);
    log.merge([entry(1, 1), entry(2, 1)]);
    log.beginWrite();
    log.install({ index: 5, term: 2, configuration });
    log.merge([entry(6, 2)]);
    log.commitTo(6);
    expect(log.beginWrite()).toMatchObject({ snapshot: { index: 5 }, entries: [{ index: 6 }] });
    log.finishWrite();
    expect([log.stableIndex, log.isInstalling, log.hasCommittedToApply]).toEqual([0, true, false]);
    log.finishWrite();
    expect([log.stableIndex, log.isInstalling]).toEqual([6, false]);
    expect(log.takeCommitted(100)).toMatchObject([{ index: 6 }]);
  });
});

describe("reading", () => {
  test("at least one entry is read, however small the bound", () => {
    const log = logOf([1, 1, 1]);
    expect(log.entriesFrom(1, 1)).toHaveLength(1);
    expect(log.entriesFrom(1, 32)).toHaveLength(2);
    expect(log.entriesFrom(4, 32)).toHaveLength(0);
  });

  test("the last common entry is guessed by term", () => {
    const log = logOf([1, 1, 3, 3, 5]);
    expect(log.lastWithTermAtMost(9, 3)).toEqual({ index: 4, term: 3 });
    expect(log.lastWithTermAtMost(4, 2)).toEqual({ index: 2, term: 1 });
    expect(logOf([7], 4).lastWithTermAtMost(5, 2)).toEqual({ index: 4, term: 1 });
    expect(logOf([7], 4).lastWithTermAtMost(2, 2)).toEqual({ index: 2, term: 0 });
  });

  test("up to date means a later last term, or a log at least as long", () => {
    const log = logOf([1, 2]);
    expect(log.isUpToDate(1, 3)).toBe(true);
    expect(log.isUpToDate(2, 2)).toBe(true);
    expect(log.isUpToDate(1, 2)).toBe(false);
    expect(log.isUpToDate(9, 1)).toBe(false);
  });
});

test("committed entries are handed out one portion at a time: the next when the last is applied", () => {
  const log = logOf([1, 1], 0, 2);
  expect(log.takeCommitted(1)).toMatchObject([{ index: 1 }]);
  expect(log.takeCommitted(1)).toEqual([]);
  expect(() => log.appliedTo(2)).toThrow("what is applied was handed out");
  log.appliedTo(1);
  expect(log.takeCommitted(1)).toMatchObject([{ index: 2 }]);
});

describe("compaction", () => {
  test("keeps the term of its point and never passes what is durable", () => {
    const log = logOf([1, 2]);
    log.merge([entry(3, 2)]);
    log.commitTo(3);
    log.takeCommitted(100);
    log.appliedTo(3);
    expect(log.compactTo(3)).toBe(2);
    expect([log.baseIndex, log.termAt(2), log.termAt(1), log.lastIndex]).toEqual([
      2,
      2,
      undefined,
      3,
    ]);
    expect(log.compactTo(1)).toBe(2);
  });

  test("only applied entries go", () => {
    expect(() => logOf([1, 1], 0, 1).compactTo(1)).toThrow("only applied entries are compacted");
  });
});

describe("restore", () => {
  test("a gap, a term that falls or a commit beyond the log is refused", () => {
    const point = { index: 0, term: 0, configuration };
    expect(() => new RaftLog(point, [entry(2, 1)], 0, 0)).toThrow("contiguous");
    expect(() => new RaftLog(point, [entry(1, 2), entry(2, 1)], 0, 0)).toThrow("never decrease");
    expect(() => new RaftLog(point, [entry(1, 1)], 2, 0)).toThrow("reaches the commit index");
  });
});
