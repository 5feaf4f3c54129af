import { PacketKind } from "./packets.ts";

const packetSizeBytes = 4;
/** What PUBREL has in the lower half of its first byte. */
const pubrelFlags = 0x02;

/** PUBACKs, PUBRECs, PUBRELs and PUBCOMPs that leave together when what arrived together is read. */
export class Acknowledgements {
  #bytes = Buffer.allocUnsafe(4096);
  #used = 0;

  get sizeBytes(): number {
    return this.#used;
  }

  get isEmpty(): boolean {
    return this.#used === 0;
  }

  add(kind: number, packetId: number): void {
    if (this.#used + packetSizeBytes > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes], this.#bytes.length * 2);
    }
    const bytes = this.#bytes;
    const at = this.#used;
    bytes[at] = (kind << 4) | (kind === PacketKind.pubrel ? pubrelFlags : 0);
    bytes[at + 1] = 2;
    bytes[at + 2] = packetId >> 8;
    bytes[at + 3] = packetId;
    this.#used += packetSizeBytes;
  }

  /** A copy, because the socket may keep it. */
  take(): Buffer {
    const taken = Buffer.allocUnsafe(this.#used);
    this.moveTo(taken);
    return taken;
  }

  /** To the beginning of `into`; answers how many bytes they are. */
  moveTo(into: Buffer): number {
    const moved = this.#used;
    if (moved > 0) into.set(this.#bytes.subarray(0, moved));
    this.#used = 0;
    return moved;
  }
}
