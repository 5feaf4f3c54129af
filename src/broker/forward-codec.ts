import type { ApplicationMessage } from "../mqtt/message.ts";
import { ByteReader } from "../replica/byte-reader.ts";
import { ByteWriter } from "../replica/byte-writer.ts";
import { readMessageBody, writeMessageBody } from "../replica/message-codec.ts";

const formatVersion = 1;
const plainFlag = 0x01;
const passedOnFlag = 0x02;
const knownFlags = plainFlag | passedOnFlag;
const sharesMax = 10_000;
const plainHeaderSizeBytes = 3;
const noShares: readonly string[] = [];

/** One message on its way to one other node. */
export interface ForwardFrame {
  readonly message: ApplicationMessage;
  /** For the ordinary subscribers of that node. */
  readonly isPlain: boolean;
  /** Shared filters for which that node picks a member. */
  readonly shares: readonly string[];
  /** By a node that had no member left; a third one is not asked. */
  readonly isPassedOn: boolean;
}

/** A message for the ordinary subscribers of a node. Encoded once, whatever the number of nodes. */
export function encodeForward(message: ApplicationMessage): Buffer {
  const writer = new ByteWriter(128 + message.topic.length + message.payload.length);
  writer.byte(formatVersion);
  writer.byte(plainFlag);
  writer.number(0);
  writer.string(message.topic);
  writer.number(message.version);
  writeMessageBody(writer, message);
  return writer.finish();
}

/** The same message, as `encodeForward` made it, for a node that picks members of shared subscriptions. */
export function withShares(plain: Buffer, isPlain: boolean, shares: readonly string[]): Buffer {
  return framed(plain, isPlain ? plainFlag : 0, shares);
}

/** As above, from a node that was to pick members and has none. */
export function passedOn(plain: Buffer, shares: readonly string[]): Buffer {
  return framed(plain, passedOnFlag, shares);
}

function framed(plain: Buffer, flags: number, shares: readonly string[]): Buffer {
  const writer = new ByteWriter(16 + plain.length);
  writer.byte(formatVersion);
  writer.byte(flags);
  writer.number(shares.length);
  for (const share of shares) writer.string(share);
  return Buffer.concat([writer.finish(), plain.subarray(plainHeaderSizeBytes)]);
}

/** Null for anything else. The message has memory of its own, because the frame's belongs to the link. */
export function decodeForwardFrame(frame: Uint8Array): ForwardFrame | null {
  const reader = new ByteReader(Buffer.from(frame));
  const version = reader.byte();
  const flags = reader.byte();
  const shareCount = reader.number();
  if (version !== formatVersion || (flags & ~knownFlags) !== 0 || shareCount > sharesMax) {
    return null;
  }
  const shares = shareCount === 0 ? noShares : readShares(reader, shareCount);
  const topic = reader.string();
  const messageVersion = reader.number();
  const message = readMessageBody(reader, topic, messageVersion);
  if (!reader.isSound || !reader.isAtEnd || topic === "") return null;
  const isPlain = (flags & plainFlag) !== 0;
  return { message, isPlain, shares, isPassedOn: (flags & passedOnFlag) !== 0 };
}

function readShares(reader: ByteReader, count: number): readonly string[] {
  const shares: string[] = [];
  for (let at = 0; at < count && reader.isSound; at++) shares.push(reader.string());
  return shares;
}
