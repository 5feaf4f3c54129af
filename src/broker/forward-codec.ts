import type { ApplicationMessage } from "../mqtt/message.ts";
import { ByteReader } from "../replica/byte-reader.ts";
import { ByteWriter } from "../replica/byte-writer.ts";
import { readMessageBody, writeMessageBody } from "../replica/message-codec.ts";

const formatVersion = 1;
const plainFlag = 0x01;
const sharesMax = 10_000;

/** One message on its way to one other node. */
export interface ForwardFrame {
  readonly message: ApplicationMessage;
  /** For the ordinary subscribers of that node. */
  readonly isPlain: boolean;
  /** Shared filters for which that node picks a member. */
  readonly shares: readonly string[];
}

/** The part that is the same for every node; encoded once per message. */
export function encodeForwardBody(message: ApplicationMessage): Buffer {
  const writer = new ByteWriter(128 + message.topic.length + message.payload.length);
  writer.string(message.topic);
  writer.number(message.version);
  writeMessageBody(writer, message);
  return writer.finish();
}

export function encodeForwardFrame(
  body: Buffer,
  isPlain: boolean,
  shares: readonly string[],
): Buffer {
  const writer = new ByteWriter(16 + body.length);
  writer.byte(formatVersion);
  writer.byte(isPlain ? plainFlag : 0);
  writer.number(shares.length);
  for (const share of shares) writer.string(share);
  writer.bytes(body);
  return writer.finish();
}

/** Null for anything else. The message has memory of its own, because the frame's belongs to the link. */
export function decodeForwardFrame(frame: Uint8Array): ForwardFrame | null {
  const reader = new ByteReader(frame);
  const version = reader.byte();
  const flags = reader.byte();
  const shareCount = reader.number();
  if (version !== formatVersion || (flags & ~plainFlag) !== 0 || shareCount > sharesMax) {
    return null;
  }
  const shares: string[] = [];
  for (let at = 0; at < shareCount && reader.isSound; at++) shares.push(reader.string());
  const body = new ByteReader(Buffer.from(reader.bytes()));
  if (!reader.isSound || !reader.isAtEnd) return null;
  const topic = body.string();
  const messageVersion = body.number();
  const message = readMessageBody(body, topic, messageVersion);
  if (!body.isSound || !body.isAtEnd || topic === "") return null;
  return { message, isPlain: (flags & plainFlag) !== 0, shares };
}
