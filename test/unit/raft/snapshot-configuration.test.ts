import { describe, expect, test } from "vitest";
import { Raft } from "../../../cluster/raft/raft.ts";
import type { SnapshotPoint } from "../../../cluster/raft/types.ts";
import { decodeMessage, encodeMessage } from "../../../cluster/wire/raft-codec.ts";
import { configurationOf, nodeIdOf, optionsOf } from "../../support/raft/nodes.ts";
import { leaderTerm, pointOf, unsoundSnapshots } from "../../support/raft/unsound-snapshots.ts";

function messageOf(snapshot: SnapshotPoint) {
  const [from, to] = [nodeIdOf(1), nodeIdOf(5)];
  return { type: "snapshot", from, to, term: leaderTerm, snapshot } as const;
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

describe.each(unsoundSnapshots)("a snapshot is refused because of: %s", (problem, snapshot) => {
  test("as a message", () => {
    const bytes = encodeMessage(messageOf(snapshot));
    expect(() => decodeMessage(bytes)).toThrow(
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

test("a sound joint configuration passes", () => {
  const snapshot = pointOf({});
  const raft = newcomer();
  raft.step(decodeMessage(encodeMessage(messageOf(snapshot))));
  expect(raft.status().configuration).toEqual(snapshot.configuration);
});
