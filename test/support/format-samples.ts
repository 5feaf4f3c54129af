import { decodeConfigChange, encodeConfigChange } from "../../cluster/raft/config-change-codec.ts";
import type { Message } from "../../cluster/raft/messages.ts";
import type { ConfigChange, HardState } from "../../cluster/raft/types.ts";
import { decodeFloor, type Floor } from "../../cluster/storage/floor-file.ts";
import { jsonPart } from "../../cluster/storage/log/batch.ts";
import type { LogStart } from "../../cluster/storage/log/files.ts";
import { encodeFrame, type Part, PartKind, readFrame } from "../../cluster/storage/log/frame.ts";
import { chainStart, decodeLogRecord, encodeLogRecord } from "../../cluster/storage/log/record.ts";
import type { SnapshotRecord } from "../../cluster/storage/records.ts";
import { sealJson, unsealJson } from "../../cluster/storage/sealed.ts";
import { decodeBulkFrame, encodeBulkFrame } from "../../cluster/transport/bulk-frame.ts";
import { type CommandBatch, decodeBatch, encodeBatch } from "../../cluster/wire/batch-codec.ts";
import {
  decodeForwardAck,
  decodeLaneState,
  encodeForwardAck,
  encodeLaneState,
  LaneStateReason,
} from "../../cluster/wire/forward-frames.ts";
import { ControlKind } from "../../cluster/wire/frame-kinds.ts";
import {
  decodeInterestAck,
  decodeInterestDelta,
  encodeInterestAck,
  encodeInterestDelta,
} from "../../cluster/wire/interest-frames.ts";
import { decodePing, encodePing } from "../../cluster/wire/ping-frames.ts";
import { decodeMessage, encodeMessage } from "../../cluster/wire/raft-codec.ts";
import { decodeRecords, encodeRecords } from "../../cluster/wire/records-codec.ts";
import { decodeSnapshotHeader, encodeSnapshotHeader } from "../../cluster/wire/snapshot-header.ts";
import { deviceFormatSamples } from "./device-format-samples.ts";

/** One stored record or frame, as value and as the functions between it and bytes. */
export interface FormatSample {
  readonly name: string;
  readonly value: unknown;
  readonly encode: () => Uint8Array;
  readonly decode: (bytes: Buffer) => unknown;
}

const a = "0123456789abcdef0123456789abcdef";
const b = "fedcba9876543210fedcba9876543210";
const c = "00112233445566778899aabbccddeeff";
const configuration = { voters: [a, b], votersOutgoing: [a], learners: [c], learnersNext: [] };
const point = { index: 4_294_967_298, term: 7, configuration };
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

const hardState: HardState = { term: 7, vote: b, commit: 4_294_967_300 };
const floor: Floor = {
  sequence: 81,
  group: 0,
  lastIndex: 42,
  chain: "5a".repeat(16),
  stateSequence: 90,
};
const logStart: LogStart = {
  generation: 2,
  index: 4_294_967_298,
  chain: "5a".repeat(16),
  hardState,
  truncation: { sequence: 80, index: 41 },
};
const frameParts = [
  jsonPart(PartKind.start, logStart),
  jsonPart(PartKind.hardState, hardState),
  { kind: PartKind.entry, content: Buffer.from("a log record") },
].map(({ kind, content }) => ({ kind, content: new Uint8Array(content) }));
const snapshotRecord: SnapshotRecord = { ...point, chain: "a5".repeat(16) };
const entry = { term: 7, index: 4_294_967_299, type: 0, data: bytes("payload") } as const;
const header = { groupId: 0, term: 8, point, transfer: `${a}-3-1`, after: "a/r/plant/größe" };
const records = [
  { key: "a/r/plant/größe", value: bytes("12") },
  { key: "k/time", value: bytes("") },
];
const batch: CommandBatch = {
  origin: a,
  incarnation: 3,
  seq: 9,
  timeMs: 1_700_000_000_123,
  commands: [
    { tag: 0, bytes: bytes("command") },
    { tag: 1, bytes: bytes("{}") },
  ],
};
const change: ConfigChange = {
  type: "change",
  steps: [
    { type: "addLearner", nodeId: c },
    { type: "remove", nodeId: b },
  ],
  context: bytes("{}"),
};

const stored: readonly FormatSample[] = [
  sealed("hard state", "h/0", hardState),
  sealed("snapshot point", "p/0", snapshotRecord),
  sample("floor file", floor, (value) => sealJson("floor", value), decodeFloor),
  sample(
    "log frame",
    frameParts,
    (parts) => encodeFrame(parts.map(withBuffer), 4_294_967_300, 0x89ab_cdef),
    (bytes) => readFrame(bytes, 0, 0x89ab_cdef)?.parts,
  ),
  {
    name: "log record",
    value: entry,
    encode: () => encodeLogRecord(0, entry, chainStart),
    decode: (record) => {
      const decoded = decodeLogRecord(record, chainStart);
      if ("reason" in decoded) throw new Error(decoded.reason);
      return plain(decoded.entry);
    },
  },
  sample("command batch", batch, encodeBatch, decodeBatch),
  sample("configuration change", change, encodeConfigChange, decodeConfigChange),
];

const transfers: readonly FormatSample[] = [
  sample("snapshot header", header, encodeSnapshotHeader, decodeSnapshotHeader),
  sample("snapshot chunk", records, encodeRecords, decodeRecords),
  sample(
    "bulk header",
    { type: "header", kind: "snapshot", header: bytes("{}") },
    encodeBulkFrame,
    decodeBulkFrame,
  ),
  sample("bulk chunk", { type: "chunk", bytes: bytes("data") }, encodeBulkFrame, decodeBulkFrame),
  sample(
    "bulk trailer",
    { type: "trailer", sizeBytes: 4, sha256: new Uint8Array(32).fill(9) },
    encodeBulkFrame,
    decodeBulkFrame,
  ),
];

const envelope = { from: a, to: b, term: 7 };
const messages: readonly Message[] = [
  {
    type: "append",
    ...envelope,
    previousIndex: 4_294_967_298,
    previousTerm: 6,
    entries: [entry],
    commit: 5,
  },
  { type: "appendResponse", ...envelope, index: 6, rejected: true, hintIndex: 4, hintTerm: 3 },
  { type: "heartbeat", ...envelope, commit: 6, readContext: 2 },
  { type: "heartbeatResponse", ...envelope, readContext: 2 },
  { type: "vote", ...envelope, lastIndex: 9, lastTerm: 6, isTransfer: true },
  { type: "preVote", ...envelope, lastIndex: 9, lastTerm: 6, isTransfer: false },
  { type: "voteResponse", ...envelope, rejected: false, commit: 5, commitTerm: 6 },
  { type: "preVoteResponse", ...envelope, rejected: true, commit: 5, commitTerm: 6 },
  { type: "timeoutNow", ...envelope },
  { type: "readIndex", ...envelope, requestId: 11 },
  { type: "readIndexResponse", ...envelope, requestId: 11, index: 6, rejected: false },
];

const delta = {
  origin: a,
  incarnation: 3,
  fromSeq: 5,
  operations: [{ key: "$share/g/a/+", weight: 2 }],
};

const frames: readonly FormatSample[] = [
  ...messages.map((message) =>
    sample(`raft ${message.type}`, message, (value) => encodeMessage(value), decodeMessage),
  ),
  control(
    "ping",
    { sentMs: 12.5, piggyback: bytes("x") },
    (ping) => encodePing(ControlKind.ping, ping),
    decodePing,
  ),
  control(
    "interest delta",
    delta,
    (value) => encodeInterestDelta(value, 4096)[0]!,
    decodeInterestDelta,
  ),
  control("interest ack", { incarnation: 3, seq: 5 }, encodeInterestAck, decodeInterestAck),
  control("forward ack", { incarnation: 3, lastSeq: 5 }, encodeForwardAck, decodeForwardAck),
  control(
    "lane state",
    { incarnation: 3, lastSeq: 5, reason: LaneStateReason.gap },
    encodeLaneState,
    decodeLaneState,
  ),
];

/** Everything that is on a disk or between two nodes and that another version must be able to read. */
export const formatSamples: readonly FormatSample[] = [
  ...stored,
  ...transfers,
  ...frames,
  ...deviceFormatSamples,
];

function sample<Value>(
  name: string,
  value: Value,
  encode: (value: Value) => Uint8Array,
  decode: (bytes: Buffer) => unknown,
): FormatSample {
  return { name, value, encode: () => encode(value), decode: (found) => plain(decode(found)) };
}

function withBuffer({ kind, content }: (typeof frameParts)[number]): Part {
  return { kind, content: Buffer.from(content) };
}

/** Decoders of control frames begin behind the kind. */
function control<Value>(
  name: string,
  value: Value,
  encode: (value: Value) => Uint8Array,
  decode: (payload: Uint8Array) => unknown,
): FormatSample {
  return sample(name, value, encode, (frame) => decode(frame.subarray(1)));
}

function sealed(name: string, key: string, value: unknown): FormatSample {
  return sample(
    name,
    value,
    () => sealJson(key, value),
    (found) => unsealJson(key, found),
  );
}

/** Bytes are compared by their content, whatever class holds them. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}
