import { describe, expect, test } from "vitest";
import { decodeConfigChange } from "../../../cluster/raft/config-change-codec.ts";
import { raftLimits } from "../../../cluster/raft/limits.ts";
import type { Message } from "../../../cluster/raft/messages.ts";
import { Raft } from "../../../cluster/raft/raft.ts";
import { type Entry, EntryType, type Term } from "../../../cluster/raft/types.ts";
import { configurationOf, nodeIdOf, optionsOf } from "../../support/raft/nodes.ts";

/** What no script can make nodes say, and what must be harmless or fatal all the same. */
const [one, two, three] = [nodeIdOf(1), nodeIdOf(2), nodeIdOf(3)];
const base = 2;

function entry(index: number, term: Term): Entry {
  return { index, term, type: EntryType.noop, data: new Uint8Array(0) };
}

/** Node 1 of three, with state up to 2 and uncommitted entries of these terms. */
function nodeWith(terms: readonly Term[] = []): Raft {
  const configuration = configurationOf([1, 2, 3]);
  return new Raft(optionsOf(1), {
    hardState: { term: Math.max(1, ...terms), vote: null, commit: base },
    snapshot: { index: base, term: 1, configuration },
    entries: terms.map((term, at) => entry(base + 1 + at, term)),
    appliedIndex: base,
    configuration,
  });
}

/** Takes every ready and ends every write at once. */
function run(raft: Raft): Message[] {
  const sent: Message[] = [];
  while (raft.hasReady()) {
    const { messages, write, committed } = raft.ready();
    sent.push(...messages);
    if (write !== null) {
      raft.writeDone(write.id);
      sent.push(...write.messages);
    }
    const last = committed.at(-1);
    if (last !== undefined) {
      raft.applied(last.index);
    }
  }
  return sent;
}

const grant = { rejected: false, commit: base, commitTerm: 1 } as const;

function leader(): Raft {
  const raft = nodeWith();
  raft.campaign();
  raft.step({ type: "preVoteResponse", from: two, to: one, term: 2, ...grant });
  run(raft);
  raft.step({ type: "voteResponse", from: two, to: one, term: 2, ...grant });
  run(raft);
  expect(raft.status().role).toBe("leader");
  return raft;
}

function follower(terms: readonly Term[], term: Term): Raft {
  const raft = nodeWith(terms);
  raft.step({ type: "heartbeat", from: two, to: one, term, commit: 0, readContext: 0 });
  run(raft);
  return raft;
}

const acceptance = { rejected: false, hintIndex: 0, hintTerm: 0 } as const;

describe("a leader", () => {
  test("does not believe that anybody holds what it never sent", () => {
    const raft = leader();
    raft.step({ type: "appendResponse", from: two, to: one, term: 2, index: 99, ...acceptance });
    expect(raft.status().commitIndex).toBe(base);
    expect(raft.status().progress[1]).toMatchObject({ match: 0 });
    raft.step({ type: "heartbeatResponse", from: nodeIdOf(9), to: one, term: 2, readContext: 1 });
    expect(raft.status().progress).toHaveLength(3);
  });

  test("has news for its followers although earlier entries are still being applied", () => {
    const configuration = configurationOf([1], [2]);
    const raft = new Raft(optionsOf(1), {
      hardState: { term: 1, vote: null, commit: base },
      snapshot: { index: base, term: 1, configuration },
      entries: [],
      appliedIndex: base,
      configuration,
    });
    raft.campaign();
    run(raft);
    const propose = (): number => {
      raft.propose([Uint8Array.of(1)]);
      return raft.ready().write?.id ?? 0;
    };
    raft.writeDone(propose());
    expect(raft.ready().committed).toHaveLength(1);
    const second = propose();
    expect(raft.hasReady()).toBe(false);
    raft.writeDone(second);
    expect(raft.hasReady()).toBe(true);
    expect(raft.ready().committed).toEqual([]);
  });

  test("stops when somebody else leads in its term", () => {
    const beat = { from: two, to: one, term: 2, commit: 0, readContext: 0 } as const;
    expect(() => leader().step({ type: "heartbeat", ...beat })).toThrow("a term has one leader");
  });

  test("goes on with a snapshot when the link for messages breaks", () => {
    const raft = leader();
    raft.step({ type: "appendResponse", from: two, to: one, term: 2, index: 3, ...acceptance });
    run(raft);
    raft.compact(3);
    const refusal = { index: 2, rejected: true, hintIndex: 0, hintTerm: 0 } as const;
    raft.step({ type: "appendResponse", from: three, to: one, term: 2, ...refusal });
    run(raft);
    expect(raft.status().progress[2]).toMatchObject({ state: "snapshot" });
    raft.reportUnreachable(three);
    expect(raft.status().progress[2]).toMatchObject({ state: "snapshot" });
  });

  test("says which reads it cannot take any more", () => {
    const raft = leader();
    for (let requestId = 1; requestId <= raftLimits.readsWaitingMax; requestId += 1) {
      raft.readIndex(requestId);
    }
    raft.readIndex(-1);
    raft.step({ type: "readIndex", from: two, to: one, term: 2, requestId: 5 });
    const { readsDropped, messages } = raft.ready();
    expect(readsDropped).toEqual([-1]);
    expect(messages).toContainEqual(
      expect.objectContaining({ type: "readIndexResponse", requestId: 5, rejected: true }),
    );
  });
});

describe("a follower", () => {
  test("commits no further than what it has compared with the leader", () => {
    const raft = follower([2, 2], 3);
    const append = { previousIndex: 2, previousTerm: 1, entries: [], commit: 4 } as const;
    raft.step({ type: "append", from: two, to: one, term: 3, ...append });
    expect(raft.status().commitIndex).toBe(base);
  });

  test("takes the answer to a read from its leader only", () => {
    const raft = follower([], 2);
    raft.readIndex(7);
    const [request] = run(raft);
    expect(request).toMatchObject({ type: "readIndex", to: two });
    const requestId = request?.type === "readIndex" ? request.requestId : 0;
    const answer = { type: "readIndexResponse", to: one, term: 2, requestId } as const;
    raft.step({ ...answer, from: three, index: 1, rejected: false });
    expect(raft.hasReady()).toBe(false);
    raft.step({ ...answer, from: two, index: base, rejected: false });
    expect(raft.ready().readStates).toEqual([{ requestId: 7, index: base }]);
  });

  test("drops its oldest read when too many wait", () => {
    const raft = follower([], 2);
    for (let requestId = 1; requestId <= raftLimits.readsWaitingMax + 1; requestId += 1) {
      raft.readIndex(requestId);
    }
    expect(raft.ready().readsDropped).toEqual([1]);
  });

  test("takes no configuration change", () => {
    const change = { type: "leaveJoint" } as const;
    expect(follower([], 2).proposeConfigChange(change)).toMatchObject({ reason: "not-leader" });
  });

  test("stops at an append that is no piece of a log", () => {
    const append = { type: "append", from: two, to: one, term: 3, commit: 0 } as const;
    const previous = { previousIndex: base, previousTerm: 1 };
    for (const entries of [[entry(4, 2)], [entry(3, 0)], [entry(3, 9)]]) {
      const raft = follower([], 3);
      expect(() => raft.step({ ...append, ...previous, entries })).toThrow("a piece of a log");
    }
  });
});

describe("anybody", () => {
  test("ignores what is for somebody else, or from itself", () => {
    const raft = nodeWith();
    const beat = { type: "heartbeat", term: 9, commit: 0, readContext: 0 } as const;
    raft.step({ ...beat, from: two, to: three });
    raft.step({ ...beat, from: one, to: one });
    expect(raft.status().term).toBe(1);
  });

  test("counts one answer per voter, and none to a question that it did not ask", () => {
    const raft = nodeWith();
    raft.campaign();
    const answer = { type: "preVoteResponse", to: one, commit: base, commitTerm: 1 } as const;
    raft.step({ ...answer, from: three, term: 9, rejected: false });
    expect(raft.status()).toMatchObject({ role: "preCandidate", term: 1 });
    raft.step({ ...answer, from: two, term: 1, rejected: true });
    raft.step({ ...answer, from: two, term: 2, rejected: false });
    expect(raft.status()).toMatchObject({ role: "preCandidate", term: 1 });
    raft.step({ ...answer, from: three, term: 2, rejected: false });
    expect(raft.status()).toMatchObject({ role: "candidate", term: 2 });
  });

  test("learns a commit from a vote only if it holds that very entry", () => {
    const raft = nodeWith([2]);
    const answer = { type: "voteResponse", from: two, to: one, term: 2, rejected: true } as const;
    raft.step({ ...answer, commit: 3, commitTerm: 1 });
    expect(raft.status().commitIndex).toBe(base);
    raft.step({ ...answer, commit: 3, commitTerm: 2 });
    expect(raft.status().commitIndex).toBe(3);
  });

  test("stops when writes end in another order than they were handed out", () => {
    const raft = nodeWith();
    raft.campaign();
    raft.step({ type: "preVoteResponse", from: two, to: one, term: 2, ...grant });
    const first = raft.ready().write;
    expect(first?.id).toBe(1);
    expect(() => raft.writeDone(2)).toThrow("writes finish in the order");
  });

  test("stops at options with which no leader could be heard in time", () => {
    const configuration = configurationOf([1]);
    const restore = {
      hardState: { term: 1, vote: null, commit: 2 },
      snapshot: { index: 2, term: 1, configuration },
      entries: [],
      appliedIndex: 2,
      configuration,
    };
    const hurried = optionsOf(1, { heartbeatTicks: 3 });
    expect(() => new Raft(hurried, restore)).toThrow("several heartbeats");
    const other = { ...restore, configuration: configurationOf([1, 2]) };
    expect(() => new Raft(optionsOf(1), other)).toThrow("the one that the log leads to");
  });
});

test.each([
  ["unknown kind", [9]],
  ["unknown kind", [1, 0]],
  ["cut off", [1, 0, 1, 0]],
  ["unknown step", [1, 0, 1, 7, ...new Array<number>(16).fill(0)]],
])("a configuration change is malformed: %s %j", (problem, bytes) => {
  expect(() => decodeConfigChange(Uint8Array.from(bytes))).toThrow(problem);
});
