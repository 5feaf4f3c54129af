import { describe, expect, test } from "vitest";
import { raftLimits } from "../../../cluster/raft/limits.ts";
import { ForwardedReads, LeaderReads } from "../../../cluster/raft/read-index.ts";
import { configurationOf, nodeIdOf } from "../../support/raft/nodes.ts";

const three = configurationOf([1, 2, 3]);
const [self, other] = [nodeIdOf(1), nodeIdOf(2)];

describe("reads at a leader", () => {
  test("requests share a round, and an answer to a later round confirms the earlier", () => {
    const reads = new LeaderReads();
    reads.add({ from: self, requestId: 1 });
    reads.add({ from: other, requestId: 2 });
    expect(reads.startRound(10)).toBe(1);
    reads.add({ from: self, requestId: 3 });
    expect(reads.startRound(12)).toBe(2);
    expect(reads.takeConfirmed(three, self)).toEqual([]);
    reads.acknowledge(other, 2);
    reads.acknowledge(other, 1);
    expect(reads.takeConfirmed(three, self)).toMatchObject([
      { index: 10, requests: [{ requestId: 1 }, { requestId: 2 }] },
      { index: 12, requests: [{ requestId: 3 }] },
    ]);
    expect(reads.openContext).toBe(0);
  });

  test("learners confirm nothing, a single voter confirms itself", () => {
    const reads = new LeaderReads();
    reads.add({ from: self, requestId: 1 });
    reads.startRound(10);
    reads.acknowledge(nodeIdOf(4), 1);
    expect(reads.takeConfirmed(configurationOf([1, 2, 3], [4]), self)).toEqual([]);
    expect(reads.takeConfirmed(configurationOf([1]), self)).toHaveLength(1);
  });

  test("rounds and requests are bounded", () => {
    const reads = new LeaderReads();
    for (let requestId = 0; requestId < raftLimits.readsWaitingMax; requestId += 1) {
      expect(reads.add({ from: self, requestId })).toBe(true);
      if (reads.canStartRound) {
        reads.startRound(requestId);
      }
    }
    expect(reads.canStartRound).toBe(false);
    expect(reads.add({ from: self, requestId: -1 })).toBe(false);
    expect(reads.takeAll()).toHaveLength(raftLimits.readsWaitingMax);
    expect(reads.add({ from: self, requestId: -1 })).toBe(true);
  });
});

describe("forwarded reads", () => {
  test("an answer to an earlier process is not ours", () => {
    const before = new ForwardedReads(100);
    const now = new ForwardedReads(7_000);
    const late = before.add(1).wireId;
    now.add(1);
    expect(now.take(late)).toBe(null);
  });

  test("are answered once; the oldest makes room", () => {
    const reads = new ForwardedReads(0);
    const { wireId } = reads.add(41);
    expect(reads.take(wireId)).toBe(41);
    expect(reads.take(wireId)).toBe(null);
    for (let requestId = 0; requestId < raftLimits.readsWaitingMax; requestId += 1) {
      expect(reads.add(requestId).droppedId).toBe(null);
    }
    expect(reads.add(-1).droppedId).toBe(0);
    expect(reads.takeAll()).toHaveLength(raftLimits.readsWaitingMax);
  });
});
