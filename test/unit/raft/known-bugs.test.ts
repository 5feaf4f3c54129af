import { expect, test } from "vitest";
import { Raft } from "../../../cluster/raft/raft.ts";
import { type Entry, EntryType, type Term } from "../../../cluster/raft/types.ts";
import { configurationOf, nodeIdOf, optionsOf } from "../../support/raft/nodes.ts";

/** Bugs that other implementations had and that need messages no simulated network brings about by itself. */

const configuration = configurationOf([1, 2, 3]);
const [self, second, third] = [nodeIdOf(1), nodeIdOf(2), nodeIdOf(3)];

function raftWith(terms: readonly Term[], term: Term): Raft {
  const entries = terms.map(
    (of, at): Entry => ({
      ...{ term: of, index: at + 2, type: EntryType.command, data: Buffer.from(`${at}`) },
    }),
  );
  return new Raft(optionsOf(1), {
    hardState: { term, vote: null, commit: 1 },
    snapshot: { index: 1, term: 1, configuration },
    entries,
    appliedIndex: 1,
    configuration,
  });
}

/** Takes what the core wants done until there is nothing more, with a disk that is done at once. */
function settle(raft: Raft): void {
  while (raft.hasReady()) {
    const { write, committed } = raft.ready();
    if (write !== null) raft.writeDone(write.id);
    const last = committed.at(-1);
    if (last !== undefined) raft.applied(last.index);
  }
}

test("a follower commits no further than it has compared with the leader's log", () => {
  const raft = raftWith([1, 1, 1], 1);
  raft.step({
    ...{ type: "append", from: second, to: self, term: 2 },
    ...{ previousIndex: 2, previousTerm: 1, entries: [], commit: 4 },
  });
  expect(raft.status().commitIndex).toBe(2);
});

test("a leader does not believe an answer beyond its log", () => {
  const raft = raftWith([], 1);
  raft.campaign();
  settle(raft);
  raft.step({
    ...{ type: "preVoteResponse", from: second, to: self, term: 2 },
    ...{ rejected: false, commit: 1, commitTerm: 1 },
  });
  settle(raft);
  raft.step({
    ...{ type: "voteResponse", from: second, to: self, term: 2 },
    ...{ rejected: false, commit: 1, commitTerm: 1 },
  });
  settle(raft);
  expect(raft.status().role).toBe("leader");
  raft.step({
    ...{ type: "appendResponse", from: third, to: self, term: 2, index: 9 },
    ...{ rejected: false, hintIndex: 0, hintTerm: 0 },
  });
  settle(raft);
  raft.propose([Buffer.from("a")]);
  settle(raft);
  expect(raft.status().commitIndex).toBe(1);
});

test("a snapshot of what is committed here already is refused", () => {
  const raft = raftWith([1, 1], 1);
  expect(raft.acceptsSnapshot({ index: 1, term: 1, configuration })).toBe(false);
  expect(raft.acceptsSnapshot({ index: 3, term: 1, configuration })).toBe(false);
  expect(raft.acceptsSnapshot({ index: 3, term: 2, configuration })).toBe(true);
  expect(raft.acceptsSnapshot({ index: 9, term: 1, configuration })).toBe(true);
});

test("a grant of Pre-Vote for an earlier term does not start the campaign of a later one", () => {
  const raft = raftWith([], 1);
  raft.campaign();
  settle(raft);
  raft.step({
    ...{ type: "preVoteResponse", from: third, to: self, term: 2 },
    ...{ rejected: true, commit: 1, commitTerm: 1 },
  });
  raft.campaign();
  settle(raft);
  expect(raft.status()).toMatchObject({ role: "preCandidate", term: 2 });
  raft.step({
    ...{ type: "preVoteResponse", from: second, to: self, term: 2 },
    ...{ rejected: false, commit: 1, commitTerm: 1 },
  });
  expect(raft.status()).toMatchObject({ role: "preCandidate", term: 2 });
});

test("a follower acknowledges no further than it has compared with the leader's log", () => {
  const raft = raftWith([1, 1, 1], 1);
  raft.step({
    ...{ type: "append", from: second, to: self, term: 2 },
    ...{ previousIndex: 2, previousTerm: 1, entries: [], commit: 1 },
  });
  const { messages, write } = raft.ready();
  const answers = [...messages, ...(write?.messages ?? [])];
  expect(answers).toMatchObject([{ type: "appendResponse", rejected: false, index: 2 }]);
});
