import { describe, expect, test } from "vitest";
import { decodeSnapshotHeader } from "../../../cluster/drivers/snapshot-driver.ts";
import { Raft } from "../../../cluster/raft/raft.ts";
import type { Configuration, SnapshotPoint } from "../../../cluster/raft/types.ts";
import { decodeMessage, encodeMessage } from "../../../cluster/wire/raft-codec.ts";
import { configurationOf, nodeIdOf, optionsOf } from "../../support/raft/nodes.ts";

const leaderTerm = 4;
const sound: Configuration = {
  voters: [1, 2, 4].map(nodeIdOf),
  votersOutgoing: [1, 2, 3].map(nodeIdOf),
  learners: [nodeIdOf(5)],
  learnersNext: [nodeIdOf(3)],
};

function pointOf(changed: Partial<Configuration>, term = 3): SnapshotPoint {
  return { index: 9, term, configuration: { ...sound, ...changed } };
}

const unsound: readonly (readonly [string, SnapshotPoint])[] = [
  ["sorted sets", pointOf({ voters: [2, 1].map(nodeIdOf) })],
  ["sorted sets", pointOf({ votersOutgoing: [3, 3].map(nodeIdOf) })],
  ["sorted sets", pointOf({ learners: [7, 6].map(nodeIdOf) })],
  ["a learner has no vote", pointOf({ learners: [nodeIdOf(4)] })],
  ["a learner has no vote", pointOf({ learners: [nodeIdOf(3)] })],
  ["only an outgoing voter", pointOf({ learnersNext: [nodeIdOf(1)] })],
  ["only an outgoing voter", pointOf({ learnersNext: [nodeIdOf(6)] })],
  ["somebody votes", pointOf({ voters: [], votersOutgoing: [], learnersNext: [] })],
  ["later term", pointOf({}, leaderTerm + 1)],
];

function messageOf(snapshot: SnapshotPoint) {
  const [from, to] = [nodeIdOf(1), nodeIdOf(5)];
  return { type: "snapshot", from, to, term: leaderTerm, snapshot } as const;
}

function headerOf(point: unknown): Uint8Array {
  return Buffer.from(JSON.stringify({ groupId: 0, term: leaderTerm, point }));
}

function newcomer(): Raft {
  return new Raft(optionsOf(5), {
    hardState: { term: 0, vote: null, commit: 0 },
    snapshot: { index: 0, term: 0, configuration: configurationOf([]) },
    entries: [],
    appliedIndex: 0,
    configuration: configurationOf([]),
  });
}

describe.each(unsound)("a snapshot is refused because of: %s", (problem, snapshot) => {
  test("as a message", () => {
    const bytes = encodeMessage(messageOf(snapshot));
    expect(() => decodeMessage(bytes)).toThrow(
      expect.objectContaining({
        code: "frame-malformed",
        message: expect.stringContaining(problem),
      }),
    );
  });

  test("as the header of a transfer", () => {
    expect(() => decodeSnapshotHeader(headerOf(snapshot))).toThrow(
      expect.objectContaining({
        code: "frame-malformed",
        message: expect.stringContaining(problem),
      }),
    );
  });

  test("by the core, whoever let it in", () => {
    const raft = newcomer();
    expect(() => raft.step(messageOf(snapshot))).toThrow(
      expect.objectContaining({ code: "invariant-broken" }),
    );
    expect(raft.status().configuration).toEqual(configurationOf([]));
  });
});

test("a sound joint configuration passes everywhere", () => {
  const snapshot = pointOf({});
  expect(decodeSnapshotHeader(headerOf(snapshot)).point).toEqual(snapshot);
  const raft = newcomer();
  raft.step(decodeMessage(encodeMessage(messageOf(snapshot))));
  expect(raft.status().configuration).toEqual(sound);
});

test.each([
  ["not JSON", Buffer.from("{")],
  ["nothing", Buffer.from("null")],
  ["no point", headerOf(null)],
  ["no configuration", headerOf({ index: 9, term: 3 })],
  ["an index that is no number", headerOf({ ...pointOf({}), index: "9" })],
  ["a list of something else", headerOf(pointOf({ learners: [["x"]] as unknown as string[] }))],
  ["a name that is no id", headerOf(pointOf({ learners: ["robot"] }))],
])("a header with %s is malformed", (_what, header) => {
  expect(() => decodeSnapshotHeader(header)).toThrow(
    expect.objectContaining({ code: "frame-malformed" }),
  );
});
