import { PacketKind } from "./packets.ts";

export interface PacketVisitor {
  /** The payload is `bytes[start, end)`, valid during the call; `packetId` is 0 at QoS 0. */
  publish(bytes: Buffer, start: number, end: number, packetId: number): void;
  puback(packetId: number): void;
  /** CONNACK or SUBACK; `code` is its return code. */
  answer(kind: number, code: number): void;
}

/** Cuts the bytes of one connection into the few packets that the load generator expects; throws for any other. */
export class PacketReader {
  readonly #visitor: PacketVisitor;
  #held: Buffer | null = null;

  constructor(visitor: PacketVisitor) {
    this.#visitor = visitor;
  }

  /** `chunk` may be used again when the call returns. */
  push(chunk: Buffer): void {
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    const taken = this.#read(bytes);
    this.#held = taken === bytes.length ? null : Buffer.from(bytes.subarray(taken));
  }

  #read(bytes: Buffer): number {
    let at = 0;
    while (bytes.length - at >= 2) {
      let bodyAt = at + 1;
      let remaining = 0;
      let shift = 0;
      let byte = 0x80;
      while (byte >= 0x80) {
        if (bodyAt === bytes.length) return at;
        byte = bytes[bodyAt++]!;
        remaining |= (byte & 0x7f) << shift;
        shift += 7;
      }
      const end = bodyAt + remaining;
      if (end > bytes.length) return at;
      this.#visit(bytes, bytes[at]!, bodyAt, end);
      at = end;
    }
    return at;
  }

  #visit(bytes: Buffer, firstByte: number, bodyAt: number, end: number): void {
    const kind = firstByte >> 4;
    if (kind === PacketKind.publish) {
      let payloadAt = bodyAt + 2 + ((bytes[bodyAt]! << 8) | bytes[bodyAt + 1]!);
      let packetId = 0;
      if ((firstByte & 0x06) !== 0) {
        packetId = (bytes[payloadAt]! << 8) | bytes[payloadAt + 1]!;
        payloadAt += 2;
      }
      this.#visitor.publish(bytes, payloadAt, end, packetId);
    } else if (kind === PacketKind.puback) {
      this.#visitor.puback((bytes[bodyAt]! << 8) | bytes[bodyAt + 1]!);
    } else if (kind === PacketKind.connack || kind === PacketKind.suback) {
      this.#visitor.answer(kind, bytes[end - 1]!);
    } else {
      throw new Error(`the broker sent a packet of type ${kind}`);
    }
  }
}
