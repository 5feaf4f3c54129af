import { PacketKind, type ProtocolVersion } from "./packets.ts";

export interface PacketVisitor {
  /** The payload is `bytes[start, end)`, valid during the call; `packetId` is 0 at QoS 0. */
  publish(bytes: Buffer, start: number, end: number, packetId: number, qos: number): void;
  /** PUBACK, PUBREC, PUBREL or PUBCOMP. */
  acknowledge(kind: number, packetId: number): void;
  /** CONNACK or SUBACK; `code` is its return code, of several the worst. */
  answer(kind: number, code: number): void;
}

const refused = 0x80;
const headerSizeBytesMax = 5;
const nothing = Buffer.alloc(0);

/** Cuts the bytes of one connection into the few packets that the load generator expects; throws for any other. */
export class PacketReader {
  readonly #visitor: PacketVisitor;
  readonly #hasProperties: boolean;
  #held: Buffer | null = null;

  constructor(visitor: PacketVisitor, version: ProtocolVersion = 4) {
    this.#visitor = visitor;
    this.#hasProperties = version === 5;
  }

  /** `chunk` may be used again when the call returns. */
  push(chunk: Buffer): void {
    const rest = this.#held === null ? chunk : this.#complete(this.#held, chunk);
    const taken = this.#read(rest);
    if (taken < rest.length) this.#held = Buffer.from(rest.subarray(taken));
  }

  /** Reads the packet of which `held` is the beginning, and answers what of `chunk` is behind it. */
  #complete(held: Buffer, chunk: Buffer): Buffer {
    const header = Buffer.concat([held.subarray(0, headerSizeBytesMax), chunk], headerSizeBytesMax);
    const sizeBytes = packetSizeBytes(header.subarray(0, held.length + chunk.length));
    if (sizeBytes === null || held.length + chunk.length < sizeBytes) {
      this.#held = Buffer.concat([held, chunk]);
      return nothing;
    }
    const missing = sizeBytes - held.length;
    this.#held = null;
    this.#read(Buffer.concat([held, chunk.subarray(0, missing)]));
    return chunk.subarray(missing);
  }

  #read(bytes: Buffer): number {
    const length = bytes.length;
    let at = 0;
    while (length - at >= 2) {
      let bodyAt = at + 2;
      let remaining = bytes[at + 1]!;
      if (remaining >= 0x80) {
        remaining &= 0x7f;
        let shift = 7;
        let byte = 0x80;
        while (byte >= 0x80) {
          if (bodyAt === length) return at;
          byte = bytes[bodyAt++]!;
          remaining |= (byte & 0x7f) << shift;
          shift += 7;
        }
      }
      const end = bodyAt + remaining;
      if (end > length) return at;
      const firstByte = bytes[at]!;
      if (firstByte >> 4 === PacketKind.publish) this.#publish(bytes, firstByte, bodyAt, end);
      else this.#other(bytes, firstByte >> 4, bodyAt, end);
      at = end;
    }
    return at;
  }

  #publish(bytes: Buffer, firstByte: number, bodyAt: number, end: number): void {
    let payloadAt = bodyAt + 2 + ((bytes[bodyAt]! << 8) | bytes[bodyAt + 1]!);
    const qos = (firstByte >> 1) & 0x03;
    let packetId = 0;
    if (qos !== 0) {
      packetId = (bytes[payloadAt]! << 8) | bytes[payloadAt + 1]!;
      payloadAt += 2;
    }
    // No property of a message is longer than one byte can say.
    if (this.#hasProperties) payloadAt += 1 + bytes[payloadAt]!;
    this.#visitor.publish(bytes, payloadAt, end, packetId, qos);
  }

  #other(bytes: Buffer, kind: number, bodyAt: number, end: number): void {
    if (kind >= PacketKind.puback && kind <= PacketKind.pubcomp) {
      if (end - bodyAt > 2 && bytes[bodyAt + 2]! >= refused) {
        throw new Error(`the broker refused a message with ${bytes[bodyAt + 2]}`);
      }
      this.#visitor.acknowledge(kind, (bytes[bodyAt]! << 8) | bytes[bodyAt + 1]!);
    } else if (kind === PacketKind.connack) {
      this.#visitor.answer(kind, bytes[bodyAt + 1]!);
    } else if (kind === PacketKind.suback) {
      const codesAt = bodyAt + 2 + (this.#hasProperties ? 1 + bytes[bodyAt + 2]! : 0);
      this.#visitor.answer(kind, Math.max(...bytes.subarray(codesAt, end)));
    } else {
      throw new Error(`the broker sent a packet of type ${kind}`);
    }
  }
}

/** With its header; null when that is not complete. */
function packetSizeBytes(bytes: Buffer): number | null {
  let remaining = 0;
  for (let at = 1; at < Math.min(bytes.length, headerSizeBytesMax); at++) {
    remaining |= (bytes[at]! & 0x7f) << (7 * (at - 1));
    if (bytes[at]! < 0x80) return at + 1 + remaining;
  }
  return null;
}
