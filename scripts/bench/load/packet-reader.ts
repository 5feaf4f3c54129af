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
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    const taken = this.#read(bytes);
    this.#held = taken === bytes.length ? null : Buffer.from(bytes.subarray(taken));
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
