import { expect, test } from "vitest";
import { decodeSnapshotHeader } from "../../../cluster/wire/snapshot-header.ts";
import { leaderTerm, pointOf, unsoundSnapshots } from "../../support/raft/unsound-snapshots.ts";

function headerOf(point: unknown): Uint8Array {
  return Buffer.from(JSON.stringify({ groupId: 0, term: leaderTerm, point }));
}

test.each(unsoundSnapshots)("a transfer is refused because of: %s", (problem, snapshot) => {
  expect(() => decodeSnapshotHeader(headerOf(snapshot))).toThrow(
    expect.objectContaining({ code: "frame-malformed", message: expect.stringContaining(problem) }),
  );
});

test("a sound joint configuration passes", () => {
  expect(decodeSnapshotHeader(headerOf(pointOf({}))).point).toEqual(pointOf({}));
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
