import type { NodeId } from "../node-id.ts";
import type { Append, Message, VoteRequest } from "../raft/messages.ts";
import {
  type Configuration,
  type Entry,
  EntryType,
  type LogIndex,
  type SnapshotPoint,
  type Term,
} from "../raft/types.ts";
import { fieldBytes, malformed, RaftReader, RaftWriter } from "./raft-bytes.ts";

/** The first byte of a message; numbers are never used again for another meaning. */
const kinds = [
  "append",
  "appendResponse",
  "heartbeat",
  "heartbeatResponse",
  "vote",
  "preVote",
  "voteResponse",
  "preVoteResponse",
  "snapshot",
  "timeoutNow",
  "readIndex",
  "readIndexResponse",
] as const satisfies readonly Message["type"][];

const { nodeId: nodeIdBytes, number: numberBytes, length: lengthBytes } = fieldBytes;
const headBytes = 1 + 2 * nodeIdBytes + numberBytes;
const entryHeadBytes = numberBytes + 1 + lengthBytes;

/**
 * Keeps the last few blocks of encoded entries, so that an append to several followers is encoded once. Entries are
 * recognised by identity: the core hands the same objects to all of them. Use one per group.
 */
export class EntryBlocks {
  #blocks: { readonly entries: readonly Entry[]; readonly bytes: Uint8Array }[] = [];

  encode(entries: readonly Entry[]): Uint8Array {
    const known = this.#blocks.find(
      (block) =>
        block.entries.length === entries.length &&
        block.entries.every((entry, at) => entry === entries[at]),
    );
    if (known !== undefined) {
      return known.bytes;
    }
    const bytes = encodeEntries(entries);
    this.#blocks = [{ entries, bytes }, ...this.#blocks.slice(0, blocksKept - 1)];
    return bytes;
  }
}

/** Followers that got out of step with each other are few; larger logs of blocks would only hold memory. */
const blocksKept = 2;

/** Entries stand without their index: they follow the previous one without a gap. */
function encodeEntries(entries: readonly Entry[]): Uint8Array {
  const sizeBytes = entries.reduce((sum, { data }) => sum + entryHeadBytes + data.length, 0);
  const writer = new RaftWriter(sizeBytes);
  for (const { term, type, data } of entries) {
    writer.number(term).byte(type).length(data.length).raw(data);
  }
  return writer.finish();
}

/** One message as bytes; `blocks` saves the second encoding of the same entries. */
export function encodeMessage(message: Message, blocks?: EntryBlocks): Uint8Array {
  if (message.type === "append") {
    const entries = blocks?.encode(message.entries) ?? encodeEntries(message.entries);
    return head(message, 3 * numberBytes + lengthBytes + entries.length)
      .number(message.previousIndex)
      .number(message.previousTerm)
      .number(message.commit)
      .length(message.entries.length)
      .raw(entries)
      .finish();
  }
  switch (message.type) {
    case "appendResponse":
      return head(message, 3 * numberBytes + 1)
        .number(message.index)
        .flag(message.rejected)
        .number(message.hintIndex)
        .number(message.hintTerm)
        .finish();
    case "heartbeat":
      return head(message, 2 * numberBytes)
        .number(message.commit)
        .number(message.readContext)
        .finish();
    case "heartbeatResponse":
      return head(message, numberBytes).number(message.readContext).finish();
    case "vote":
    case "preVote":
      return head(message, 2 * numberBytes + 1)
        .number(message.lastIndex)
        .number(message.lastTerm)
        .flag(message.isTransfer)
        .finish();
    case "voteResponse":
    case "preVoteResponse":
      return head(message, 1).flag(message.rejected).finish();
    case "snapshot":
      return writeSnapshot(
        head(message, snapshotSizeBytes(message.snapshot)),
        message.snapshot,
      ).finish();
    case "timeoutNow":
      return head(message, 0).finish();
    case "readIndex":
      return head(message, numberBytes).number(message.requestId).finish();
    case "readIndexResponse":
      return head(message, 2 * numberBytes + 1)
        .number(message.requestId)
        .number(message.index)
        .flag(message.rejected)
        .finish();
  }
}

function head(message: Message, bodySizeBytes: number): RaftWriter {
  return new RaftWriter(headBytes + bodySizeBytes)
    .byte(kinds.indexOf(message.type))
    .nodeId(message.from)
    .nodeId(message.to)
    .number(message.term);
}

const configurationLists = ["voters", "votersOutgoing", "learners", "learnersNext"] as const;

function snapshotSizeBytes({ configuration }: SnapshotPoint): number {
  const nodes = configurationLists.reduce((sum, list) => sum + configuration[list].length, 0);
  return 2 * numberBytes + configurationLists.length * lengthBytes + nodes * nodeIdBytes;
}

function writeSnapshot(writer: RaftWriter, snapshot: SnapshotPoint): RaftWriter {
  writer.number(snapshot.index).number(snapshot.term);
  for (const list of configurationLists) {
    writer.length(snapshot.configuration[list].length);
    for (const nodeId of snapshot.configuration[list]) {
      writer.nodeId(nodeId);
    }
  }
  return writer;
}

/** Entry data are views of `bytes`, which must not change afterwards. Throws ClusterError `frame-malformed`. */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new RaftReader(bytes);
  const type = kinds[reader.byte()];
  if (type === undefined) {
    throw malformed("unknown type");
  }
  const envelope = { from: reader.nodeId(), to: reader.nodeId(), term: reader.number() };
  const message = readBody(reader, type, envelope);
  if (reader.remaining > 0) {
    throw malformed("bytes follow its end");
  }
  return message;
}

type Envelope = { readonly from: NodeId; readonly to: NodeId; readonly term: Term };

function readBody(reader: RaftReader, type: Message["type"], envelope: Envelope): Message {
  switch (type) {
    case "append":
      return readAppend(reader, envelope);
    case "appendResponse":
      return {
        type,
        ...envelope,
        index: reader.number(),
        rejected: reader.flag(),
        hintIndex: reader.number(),
        hintTerm: reader.number(),
      };
    case "heartbeat":
      return { type, ...envelope, commit: reader.number(), readContext: reader.number() };
    case "heartbeatResponse":
      return { type, ...envelope, readContext: reader.number() };
    case "vote":
    case "preVote":
      return readVoteRequest(reader, type, envelope);
    case "voteResponse":
    case "preVoteResponse":
      return { type, ...envelope, rejected: reader.flag() };
    case "snapshot":
      return { type, ...envelope, snapshot: readSnapshot(reader) };
    case "timeoutNow":
      return { type, ...envelope };
    case "readIndex":
      return { type, ...envelope, requestId: reader.number() };
    case "readIndexResponse":
      return {
        type,
        ...envelope,
        requestId: reader.number(),
        index: reader.number(),
        rejected: reader.flag(),
      };
  }
}

function readVoteRequest(
  reader: RaftReader,
  type: VoteRequest["type"],
  envelope: Envelope,
): VoteRequest {
  const lastIndex = reader.number();
  const lastTerm = reader.number();
  return { type, ...envelope, lastIndex, lastTerm, isTransfer: reader.flag() };
}

function readAppend(reader: RaftReader, envelope: Envelope): Append {
  const previousIndex = reader.number();
  const previousTerm = reader.number();
  const commit = reader.number();
  const count = reader.count(entryHeadBytes);
  const entries: Entry[] = [];
  let lastTerm = previousTerm;
  for (let at = 0; at < count; at += 1) {
    const entry = readEntry(reader, previousIndex + 1 + at);
    if (entry.term < lastTerm || entry.term > envelope.term) {
      throw malformed("the terms of its entries are out of order");
    }
    lastTerm = entry.term;
    entries.push(entry);
  }
  return { type: "append", ...envelope, previousIndex, previousTerm, entries, commit };
}

function readEntry(reader: RaftReader, index: LogIndex): Entry {
  const term = reader.number();
  const type = reader.byte() as EntryType;
  if (!Object.values(EntryType).includes(type)) {
    throw malformed("unknown type of entry");
  }
  return { term, index, type, data: reader.raw(reader.length()) };
}

function readSnapshot(reader: RaftReader): SnapshotPoint {
  const index = reader.number();
  const term = reader.number();
  const [voters, votersOutgoing, learners, learnersNext] = [
    readNodeIds(reader),
    readNodeIds(reader),
    readNodeIds(reader),
    readNodeIds(reader),
  ];
  const configuration: Configuration = { voters, votersOutgoing, learners, learnersNext };
  return { index, term, configuration };
}

function readNodeIds(reader: RaftReader): readonly NodeId[] {
  const count = reader.count(nodeIdBytes);
  return Array.from({ length: count }, () => reader.nodeId());
}
