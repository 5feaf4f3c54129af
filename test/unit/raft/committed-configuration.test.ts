import { expect, test } from "vitest";
import { committedConfiguration } from "../../../cluster/raft/committed-configuration.ts";
import { encodeConfigChange } from "../../../cluster/raft/config-change-codec.ts";
import { type ConfigChange, EntryType } from "../../../cluster/raft/types.ts";

const [a, b, c] = ["aa", "bb", "cc"].map((byte) => byte.repeat(16)) as [string, string, string];
const alone = { voters: [a], votersOutgoing: [], learners: [b, c], learnersNext: [] };

const change = (index: number, config: ConfigChange) => ({
  ...{ index, term: 1, type: EntryType.configChange, data: encodeConfigChange(config) },
});
const growth = change(12, {
  type: "change",
  steps: [
    { type: "addVoter", nodeId: b },
    { type: "addVoter", nodeId: c },
  ],
  context: new Uint8Array(0),
});
const leaving = change(13, { type: "leaveJoint" });
const command = { index: 11, term: 1, type: EntryType.command, data: new Uint8Array(0) };

const after = (commit: number, appliedIndex = 10) =>
  committedConfiguration({
    configuration: alone,
    appliedIndex,
    entries: [command, growth, leaving],
    hardState: { term: 1, vote: null, commit },
  });

test("changes that are committed and not applied yet count", () => {
  expect(after(12)).toMatchObject({ voters: [a, b, c], votersOutgoing: [a] });
  expect(after(13)).toMatchObject({ voters: [a, b, c], votersOutgoing: [] });
});

test("changes that are not committed, or applied already, do not", () => {
  expect(after(11)).toEqual(alone);
  expect(after(13, 13)).toEqual(alone);
});
