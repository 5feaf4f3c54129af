import { WireFault } from "./fault.ts";
import { readServerPacket, type ServerPacket, type Version } from "./server-packets.ts";

export interface Framed {
  readonly packet: ServerPacket;
  readonly sizeBytes: number;
}

/** Cuts the bytes of a server into packets. */
export class PacketStream {
  readonly version: Version;
  #held: Buffer = Buffer.alloc(0);

  constructor(version: Version) {
    this.version = version;
  }

  get isBetweenPackets(): boolean {
    return this.#held.length === 0;
  }

  push(chunk: Buffer): Framed[] {
    this.#held = Buffer.concat([this.#held, chunk]);
    const packets: Framed[] = [];
    for (let sizeBytes = this.#headSizeBytes(); sizeBytes > 0; sizeBytes = this.#headSizeBytes()) {
      const head = this.#held.subarray(0, sizeBytes);
      this.#held = this.#held.subarray(sizeBytes);
      const headerSizeBytes = 1 + lengthSizeBytes(head);
      const body = head.subarray(headerSizeBytes);
      packets.push({ packet: readServerPacket(head[0] ?? 0, body, this.version), sizeBytes });
    }
    return packets;
  }

  /** 0 while the first packet is incomplete. */
  #headSizeBytes(): number {
    let remaining = 0;
    for (let at = 1; at < this.#held.length; at++) {
      const byte = this.#held[at] ?? 0;
      remaining += (byte & 0x7f) * 2 ** (7 * (at - 1));
      if (byte >= 0x80) {
        if (at === 4) throw new WireFault("a remaining length of more than four bytes");
        continue;
      }
      if (byte === 0 && at > 1) throw new WireFault("a remaining length is not minimal");
      const sizeBytes = 1 + at + remaining;
      return this.#held.length >= sizeBytes ? sizeBytes : 0;
    }
    return 0;
  }
}

function lengthSizeBytes(packet: Buffer): number {
  let at = 1;
  while ((packet[at] ?? 0) >= 0x80) at++;
  return at;
}
