import type { InterestChange } from "../cluster-api.ts";
import type { Digest } from "../gossip/digest.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { frameVersion } from "./frame-kinds.ts";
import { readChanges, writeChanges } from "./interest-frames.ts";

/**
 * The request "interest", by which a node fetches from the writer what gossip did not bring, and its answers.
 * Decoders answer null for what is malformed or of another version.
 */
export interface InterestPull {
  /** The incarnation held; 0 asks for a snapshot. */
  readonly incarnation: number;
  readonly seq: number;
  /** The snapshot being fetched and how many of its entries are there; 0 and 0 before the first page. */
  readonly snapshotSeq: number;
  readonly offset: number;
}

export type InterestAnswer =
  /** The operations after the seq asked for; none when there are none. `lastSeq`: how far the writer is. */
  | {
      readonly type: "delta";
      readonly incarnation: number;
      readonly lastSeq: number;
      readonly fromSeq: number;
      readonly changes: readonly InterestChange[];
    }
  /** Entries `offset`, ... of the table as it was at `snapshotSeq`, which had `count` of them. */
  | {
      readonly type: "page";
      readonly incarnation: number;
      readonly snapshotSeq: number;
      readonly digest: Digest;
      readonly count: number;
      readonly offset: number;
      readonly changes: readonly InterestChange[];
    };

const AnswerType = { delta: 1, page: 2 } as const;

export function encodeInterestPull(pull: InterestPull): Uint8Array {
  const writer = new ByteWriter(23).u8(frameVersion).u48(pull.incarnation).u48(pull.seq);
  return writer.u48(pull.snapshotSeq).u32(pull.offset).finish();
}

export function decodeInterestPull(payload: Uint8Array): InterestPull | null {
  const reader = new ByteReader(payload);
  if (reader.u8() !== frameVersion) return null;
  const pull = {
    incarnation: reader.u48(),
    seq: reader.u48(),
    snapshotSeq: reader.u48(),
    offset: reader.u32(),
  };
  return reader.isMalformed ? null : pull;
}

/** Changes that would make the answer larger than `sizeBytesMax` are left out; the reader asks again. */
export function encodeInterestAnswer(answer: InterestAnswer, sizeBytesMax: number): Uint8Array {
  const writer = new ByteWriter(512).u8(frameVersion).u8(AnswerType[answer.type]);
  writer.u48(answer.incarnation);
  if (answer.type === "delta") {
    writer.u48(answer.lastSeq).u48(answer.fromSeq);
  } else {
    writer.u48(answer.snapshotSeq).u32(answer.digest.high).u32(answer.digest.low);
    writer.u32(answer.count).u32(answer.offset);
  }
  writeChanges(writer, answer.changes, 0, sizeBytesMax);
  return writer.finish();
}

export function decodeInterestAnswer(payload: Uint8Array): InterestAnswer | null {
  const reader = new ByteReader(payload);
  if (reader.u8() !== frameVersion) return null;
  const type = reader.u8();
  const incarnation = reader.u48();
  if (type === AnswerType.delta) {
    const lastSeq = reader.u48();
    const fromSeq = reader.u48();
    const changes = readChanges(reader);
    if (reader.isMalformed) return null;
    return { type: "delta", incarnation, lastSeq, fromSeq, changes };
  }
  if (type !== AnswerType.page) return null;
  const snapshotSeq = reader.u48();
  const digest = { high: reader.u32(), low: reader.u32() };
  const count = reader.u32();
  const offset = reader.u32();
  const changes = readChanges(reader);
  if (reader.isMalformed) return null;
  return { type: "page", incarnation, snapshotSeq, digest, count, offset, changes };
}
