import { expect, test } from "vitest";
import { encodeConfigChange } from "../../../cluster/raft/config-change-codec.ts";
import { Raft } from "../../../cluster/raft/raft.ts";
import { type Entry, EntryType } from "../../../cluster/raft/types.ts";
import { configurationOf, nodeIdOf } from "../../support/raft/nodes.ts";

test("after a restart the log is cut with the configuration in force at the cut, not the one before", () => {
  const alone = configurationOf([1]);
  const withLearner = { ...alone, learners: [nodeIdOf(2)] };
  const change = encodeConfigChange({
    type: "change",
    steps: [{ type: "addLearner", nodeId: nodeIdOf(2) }],
    context: new Uint8Array(0),
  });
  const entries: Entry[] = [2, 3, 4, 5, 6, 7, 8].map((index) => ({
    index,
    term: 1,
    type: index === 4 ? EntryType.configChange : EntryType.command,
    data: index === 4 ? change : Uint8Array.of(index),
  }));
  const raft = new Raft(
    {
      nodeId: nodeIdOf(1),
      electionTicks: 10,
      heartbeatTicks: 1,
      appendSizeBytesMax: 1000,
      inflightAppendsMax: 4,
      inflightBytesMax: 4000,
      uncommittedBytesMax: 4000,
      committedBytesPerReadyMax: 4000,
      random: () => 0.5,
    },
    {
      hardState: { term: 1, vote: null, commit: 8 },
      snapshot: { index: 1, term: 1, configuration: alone },
      entries,
      appliedIndex: 8,
      configuration: withLearner,
    },
  );
  expect(raft.compact(3)).toEqual({ index: 3, term: 1, configuration: alone });
  expect(raft.compact(6)).toEqual({ index: 6, term: 1, configuration: withLearner });
});
