import { ClusterError } from "../errors.ts";
import type { NodeId } from "../node-id.ts";
import { snapshotProblem } from "../raft/config-change.ts";
import type { Append, Message } from "../raft/messages.ts";
import {
  type Entry,
  EntryType,
  type LogIndex,
  type SnapshotPoint,
  type Term,
} from "../raft/types.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { NodeIds } from "./node-ids.ts";

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

/** Kind, two node ids and the term. */
const headSizeBytes = 1 + 2 * 16 + 6;
const appendHeadSizeBytes = headSizeBytes + 3 * 6 + 4;
const entryHeadSizeBytes = 6 + 1 + 4;
const capacityBytes = 96;
/** Of the messages that are sent most, what follows the head: a frame of just that size need not be cut. */
const bodySizeBytes: Partial<Record<Message["type"], number>> = {
  appendResponse: 3 * 6 + 1,
  heartbeat: 2 * 6,
  heartbeatResponse: 6,
};
/** Followers that got out of step with each other are few; more blocks would only hold memory. */
const blocksKept = 2;

/**
 * Keeps the last blocks of encoded entries, so that an append to several followers is encoded once. Entries are
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

/** Entries stand without their index: they follow the previous one without a gap. */
function encodeEntries(entries: readonly Entry[]): Uint8Array {
  const sizeBytes = entries.reduce((sum, { data }) => sum + entryHeadSizeBytes + data.length, 0);
  const writer = new ByteWriter(sizeBytes);
  for (const { term, type, data } of entries) {
    writer.u48(term).u8(type).u32(data.length).bytes(data);
  }
  return writer.finish();
}

/**
 * One message as bytes, behind the byte `group` if there is one; `blocks` saves the second encoding of the same entries, `ids` that
 * of the same nodes.
 */
export function encodeMessage(
  message: Message,
  blocks?: EntryBlocks,
  group: number | null = null,
  ids?: NodeIds,
): Uint8Array {
  if (message.type === "append") {
    const { previousIndex, previousTerm, commit, entries } = message;
    const block = blocks?.encode(entries) ?? encodeEntries(entries);
    const writer = head(message, appendHeadSizeBytes + block.length, group, ids);
    writer.u48(previousIndex).u48(previousTerm).u48(commit).u32(entries.length);
    return writer.bytes(block).finish();
  }
  const writer = head(message, sizeBytesOf(message), group, ids);
  switch (message.type) {
    case "appendResponse":
      writer.u48(message.index).u8(message.rejected ? 1 : 0);
      writer.u48(message.hintIndex).u48(message.hintTerm);
      break;
    case "heartbeat":
      writer.u48(message.commit).u48(message.readContext);
      break;
    case "heartbeatResponse":
      writer.u48(message.readContext);
      break;
    case "vote":
    case "preVote":
      writer
        .u48(message.lastIndex)
        .u48(message.lastTerm)
        .u8(message.isTransfer ? 1 : 0);
      break;
    case "voteResponse":
    case "preVoteResponse":
      writer
        .u8(message.rejected ? 1 : 0)
        .u48(message.commit)
        .u48(message.commitTerm);
      break;
    case "snapshot":
      writeSnapshot(writer, message.snapshot);
      break;
    case "timeoutNow":
      break;
    case "readIndex":
      writer.u48(message.requestId);
      break;
    case "readIndexResponse":
      writer
        .u48(message.requestId)
        .u48(message.index)
        .u8(message.rejected ? 1 : 0);
      break;
  }
  return writer.finish();
}

function sizeBytesOf({ type }: Message): number {
  const sizeBytes = bodySizeBytes[type];
  return sizeBytes === undefined ? capacityBytes : headSizeBytes + sizeBytes;
}

function head(
  { type, from, to, term }: Message,
  sizeBytes: number,
  group: number | null,
  ids: NodeIds | undefined,
): ByteWriter {
  const writer = new ByteWriter(sizeBytes + (group === null ? 0 : 1));
  if (group !== null) writer.u8(group);
  return writer.u8(kinds.indexOf(type)).nodeId(from, ids).nodeId(to, ids).u48(term);
}

function writeSnapshot(writer: ByteWriter, { index, term, configuration }: SnapshotPoint): void {
  writer.u48(index).u48(term);
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  for (const list of [voters, votersOutgoing, learners, learnersNext]) {
    writer.u32(list.length);
    for (const nodeId of list) {
      writer.nodeId(nodeId);
    }
  }
}

/** Whether the message that begins at `start` may carry entries, whose data are then views of these bytes. */
export function mayCarryEntries(bytes: Uint8Array, start: number): boolean {
  const kind = kinds[bytes[start] ?? kinds.length];
  return kind === "append" && bytes.length - start > appendHeadSizeBytes;
}

/**
 * The message that begins at `start`. Entry data are views of `bytes`, which must not change afterwards. Throws ClusterError
 * `frame-malformed`.
 */
export function decodeMessage(bytes: Uint8Array, start = 0, ids?: NodeIds): Message {
  const reader = new ByteReader(bytes, start);
  const type = kinds[reader.u8()];
  if (type === undefined) {
    throw malformed("unknown type");
  }
  const envelope = { from: reader.nodeId(ids), to: reader.nodeId(ids), term: reader.u48() };
  const message = readBody(reader, type, envelope);
  if (reader.isMalformed) {
    throw malformed("it ends too early");
  }
  if (reader.remainingSizeBytes > 0) {
    throw malformed("bytes follow its end");
  }
  return message;
}

type Envelope = { readonly from: NodeId; readonly to: NodeId; readonly term: Term };

function readBody(reader: ByteReader, type: Message["type"], envelope: Envelope): Message {
  switch (type) {
    case "append":
      return readAppend(reader, envelope);
    case "appendResponse": {
      const [index, rejected] = [reader.u48(), readFlag(reader)];
      const [hintIndex, hintTerm] = [reader.u48(), reader.u48()];
      return { type, ...envelope, index, rejected, hintIndex, hintTerm };
    }
    case "heartbeat":
      return { type, ...envelope, commit: reader.u48(), readContext: reader.u48() };
    case "heartbeatResponse":
      return { type, ...envelope, readContext: reader.u48() };
    case "vote":
    case "preVote": {
      const [lastIndex, lastTerm] = [reader.u48(), reader.u48()];
      return { type, ...envelope, lastIndex, lastTerm, isTransfer: readFlag(reader) };
    }
    case "voteResponse":
    case "preVoteResponse": {
      const rejected = readFlag(reader);
      return { type, ...envelope, rejected, commit: reader.u48(), commitTerm: reader.u48() };
    }
    case "snapshot":
      return { type, ...envelope, snapshot: readSnapshot(reader, envelope.term) };
    case "timeoutNow":
      return { type, ...envelope };
    case "readIndex":
      return { type, ...envelope, requestId: reader.u48() };
    case "readIndexResponse": {
      const [requestId, index] = [reader.u48(), reader.u48()];
      return { type, ...envelope, requestId, index, rejected: readFlag(reader) };
    }
  }
}

/** The order of terms is checked here, so that the core may take it for granted. */
function readAppend(reader: ByteReader, envelope: Envelope): Append {
  const [previousIndex, previousTerm, commit] = [reader.u48(), reader.u48(), reader.u48()];
  const count = readCount(reader, entryHeadSizeBytes);
  const entries: Entry[] = [];
  let lastTerm = previousTerm;
  for (let at = 1; at <= count; at += 1) {
    const entry = readEntry(reader, previousIndex + at);
    if (entry.term < lastTerm || entry.term > envelope.term) {
      throw malformed("the terms of its entries are out of order");
    }
    lastTerm = entry.term;
    entries.push(entry);
  }
  return { type: "append", ...envelope, previousIndex, previousTerm, entries, commit };
}

function readEntry(reader: ByteReader, index: LogIndex): Entry {
  const term = reader.u48();
  const type = reader.u8();
  if (type !== EntryType.command && type !== EntryType.noop && type !== EntryType.configChange) {
    throw malformed("unknown type of entry");
  }
  return { term, index, type, data: reader.bytes(reader.u32()) };
}

/** The core installs the configuration as it is, so that an unsound one must not get there. */
function readSnapshot(reader: ByteReader, leaderTerm: Term): SnapshotPoint {
  const [index, term] = [reader.u48(), reader.u48()];
  const [voters, votersOutgoing] = [readNodeIds(reader), readNodeIds(reader)];
  const [learners, learnersNext] = [readNodeIds(reader), readNodeIds(reader)];
  const configuration = { voters, votersOutgoing, learners, learnersNext };
  const snapshot = { index, term, configuration };
  const problem = reader.isMalformed ? null : snapshotProblem(snapshot, leaderTerm);
  if (problem !== null) {
    throw malformed(problem);
  }
  return snapshot;
}

function readNodeIds(reader: ByteReader): readonly NodeId[] {
  const count = readCount(reader, 16);
  return Array.from({ length: count }, () => reader.nodeId());
}

/** How many elements follow, each of at least `sizeBytesMin`: a lie must not make us reserve memory. */
function readCount(reader: ByteReader, sizeBytesMin: number): number {
  const count = reader.u32();
  if (count * sizeBytesMin > reader.remainingSizeBytes) {
    throw malformed("a count exceeds the frame");
  }
  return count;
}

function readFlag(reader: ByteReader): boolean {
  const value = reader.u8();
  if (value > 1) {
    throw malformed("a flag is neither 0 nor 1");
  }
  return value === 1;
}

function malformed(problem: string): ClusterError {
  return new ClusterError("frame-malformed", `raft message: ${problem}`);
}
