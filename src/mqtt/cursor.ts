import type { BriefMemory } from "./brief-memory.ts";
import { malformed } from "./errors.ts";
import { ownPart, ReceivedPublish } from "./received-publish.ts";
import { TopicNames } from "./topic-names.ts";
import { decodeUtf8 } from "./utf8.ts";

/** A Variable Byte Integer has four bytes at most [MQTT-1.5.5-1]. */
export const VARIABLE_BYTE_INTEGER_MAX = 268_435_455;

/**
 * Reads the fields of one packet out of a buffer, never beyond `end`. One cursor is reused for
 * packet after packet. Every read throws MqttError 0x81 when the packet is too short for it.
 */
export class Cursor {
  /** Where what is read may stand; null: nowhere that is used again. */
  memory: BriefMemory | null = null;
  /** For the PUBLISH that is read. */
  readonly publish = new ReceivedPublish();
  readonly #topicNames = new TopicNames();
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  /** Points at `bytes[start, end)`. */
  reset(bytes: Buffer, start: number, end: number): this {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    return this;
  }

  /** Lets go of the buffer, so that an idle connection does not keep it alive. */
  release(empty: Buffer): void {
    this.reset(empty, 0, 0);
    this.publish.release();
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  readByte(): number {
    if (this.#at >= this.#end) throw tooShort();
    const byte = this.#bytes[this.#at]!;
    this.#at += 1;
    return byte;
  }

  readUint16(): number {
    const at = this.#take(2);
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  readUint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  readVariableByteInteger(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.readByte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        // [MQTT-1.5.5-1] The encoded value uses the minimum number of bytes.
        if (byte === 0 && shift > 0) throw malformed("a variable byte integer is too long");
        return value;
      }
    }
    throw malformed("a variable byte integer has more than four bytes");
  }

  readString(): string {
    const sizeBytes = this.readUint16();
    const at = this.#take(sizeBytes);
    return decodeUtf8(this.#bytes, at, at + sizeBytes);
  }

  /** A topic name that `decode` checks and makes from `bytes[start, end)`, unless it came lately. */
  readTopicName(decode: (bytes: Buffer, start: number, end: number) => string): string {
    const sizeBytes = this.readUint16();
    const at = this.#take(sizeBytes);
    const end = at + sizeBytes;
    const known = this.#topicNames.find(this.#bytes, at, end);
    if (known !== undefined) return known;
    const name = decode(this.#bytes, at, end);
    this.#topicNames.remember(name, this.#bytes, at, end);
    return name;
  }

  /** May be kept. */
  readBinary(): Buffer {
    const sizeBytes = this.readUint16();
    const at = this.#take(sizeBytes);
    return ownPart(this.#bytes, at, at + sizeBytes, this.memory);
  }

  /** Everything up to the end is left to `publish` as its payload, without a look at it. */
  leavePayload(): void {
    const { publish } = this;
    publish.bytes = this.#bytes;
    publish.memory = this.memory;
    publish.payloadStart = this.#at;
    publish.end = this.#end;
    this.#at = this.#end;
  }

  /**
   * Shortens the packet to its next `sizeBytes` bytes and answers the end to give to `widen`
   * afterwards.
   */
  narrow(sizeBytes: number): number {
    if (sizeBytes > this.remaining) throw tooShort();
    const end = this.#end;
    this.#end = this.#at + sizeBytes;
    return end;
  }

  widen(end: number): void {
    this.#end = end;
  }

  expectEnd(): void {
    if (this.#at !== this.#end) throw malformed("the packet is longer than its content");
  }

  #take(sizeBytes: number): number {
    const at = this.#at;
    if (sizeBytes > this.#end - at) throw tooShort();
    this.#at = at + sizeBytes;
    return at;
  }
}

function tooShort(): Error {
  return malformed("the packet ends before its content does");
}
