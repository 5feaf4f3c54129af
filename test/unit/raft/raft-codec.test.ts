import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Message } from "../../../cluster/raft/messages.ts";
import { type Entry, EntryType } from "../../../cluster/raft/types.ts";
import { decodeMessage, EntryBlocks, encodeMessage } from "../../../cluster/wire/raft-codec.ts";
import { configurationOf, nodeIdOf } from "../../support/raft/nodes.ts";

const envelope = { from: nodeIdOf(1), to: nodeIdOf(2), term: 7 };
const large = 2 ** 48 - 1;
const entries: Entry[] = [
  { index: 11, term: 5, type: EntryType.noop, data: new Uint8Array(0) },
  { index: 12, term: 7, type: EntryType.command, data: Uint8Array.of(1, 2, 3) },
  { index: 13, term: 7, type: EntryType.configChange, data: Uint8Array.of(0) },
];

const messages: Message[] = [
  { type: "append", ...envelope, previousIndex: 10, previousTerm: 5, entries, commit: 9 },
  { type: "append", ...envelope, previousIndex: 0, previousTerm: 0, entries: [], commit: 0 },
  {
    type: "appendResponse",
    ...envelope,
    index: large,
    rejected: true,
    hintIndex: 4,
    hintTerm: 3,
  },
  { type: "heartbeat", ...envelope, commit: 3, readContext: large },
  { type: "heartbeatResponse", ...envelope, readContext: 1 },
  { type: "vote", ...envelope, lastIndex: 4, lastTerm: 3, isTransfer: true },
  { type: "preVote", ...envelope, lastIndex: 4, lastTerm: 3, isTransfer: false },
  { type: "voteResponse", ...envelope, rejected: false, commit: 5, commitTerm: 4 },
  { type: "preVoteResponse", ...envelope, rejected: true, commit: 5, commitTerm: 4 },
  {
    type: "snapshot",
    ...envelope,
    snapshot: {
      index: 20,
      term: 6,
      configuration: {
        ...configurationOf([1, 2, 4], [5]),
        votersOutgoing: [1, 2, 3].map(nodeIdOf),
        learnersNext: [nodeIdOf(3)],
      },
    },
  },
  { type: "timeoutNow", ...envelope },
  { type: "readIndex", ...envelope, requestId: 9 },
  { type: "readIndexResponse", ...envelope, requestId: 9, index: 8, rejected: false },
];

/** Entry data may come back as a Buffer, which is compared by its bytes. */
function plain(message: Message): unknown {
  return JSON.parse(
    JSON.stringify(message, (_key, value: unknown) =>
      value instanceof Uint8Array ? [...value] : value,
    ).replaceAll(/\{"type":"Buffer","data":(\[[^\]]*\])\}/g, "$1"),
  );
}

describe("every message", () => {
  test.each(messages)("$type comes back as it was", (message) => {
    expect(plain(decodeMessage(encodeMessage(message)))).toEqual(plain(message));
  });

  test.each(messages)(
    "$type cut off anywhere, or with a byte too many, is malformed",
    (message) => {
      const bytes = encodeMessage(message);
      for (let length = 0; length < bytes.length; length += 1) {
        expect(() => decodeMessage(bytes.slice(0, length))).toThrow("raft message");
      }
      expect(() => decodeMessage(Uint8Array.of(...bytes, 0))).toThrow("bytes follow its end");
    },
  );
});

test("any bytes give a message or frame-malformed", () => {
  const samples = messages.map((message) => encodeMessage(message));
  fc.assert(
    fc.property(fc.constantFrom(...samples), fc.nat(200), fc.nat(255), (sample, at, value) => {
      const bytes = Uint8Array.from(sample);
      bytes[at % bytes.length] = value;
      try {
        decodeMessage(bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: "frame-malformed" });
      }
    }),
  );
});

test("entries out of order of terms, or of a later term than the leader's, are malformed", () => {
  const [first, second] = entries as [Entry, Entry];
  const append = {
    type: "append",
    ...envelope,
    previousIndex: 10,
    previousTerm: 5,
    commit: 0,
  } as const;
  const falling = [second, { ...first, index: 12 }];
  const later = [{ ...first, term: 8 }];
  for (const wrong of [falling, later]) {
    const bytes = encodeMessage({ ...append, entries: wrong });
    expect(() => decodeMessage(bytes)).toThrow("out of order");
  }
});

test("the same entries are encoded once for all followers", () => {
  const blocks = new EntryBlocks();
  const first = blocks.encode(entries);
  expect(blocks.encode([...entries])).toBe(first);
  expect(blocks.encode(entries.slice(1))).not.toBe(first);
  const append = messages[0]!;
  expect(encodeMessage(append, blocks)).toEqual(encodeMessage(append));
});
