import type { NodeId } from "../node-id.ts";
import { type NodeIds, nodeIdSizeBytes } from "./node-ids.ts";

const nothing = new Uint8Array(0);

/**
 * Reads what {@link ByteWriter} wrote. Reading past the end gives zeros and empty values and sets `isMalformed`, which the
 * caller checks once at the end (and in loops): bytes of a peer never throw.
 */
export class ByteReader {
  readonly #buffer: Buffer;
  #position: number;
  #isMalformed = false;

  /** Reads from `position` on. */
  constructor(bytes: Uint8Array, position = 0) {
    this.#position = position;
    this.#buffer = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isMalformed(): boolean {
    return this.#isMalformed;
  }

  get remainingSizeBytes(): number {
    return this.#buffer.length - this.#position;
  }

  u8(): number {
    if (!this.#has(1)) return 0;
    return this.#buffer[this.#position++] as number;
  }

  u32(): number {
    if (!this.#has(4)) return 0;
    this.#position += 4;
    return this.#buffer.readUInt32BE(this.#position - 4);
  }

  u48(): number {
    if (!this.#has(6)) return 0;
    this.#position += 6;
    return this.#buffer.readUIntBE(this.#position - 6, 6);
  }

  f64(): number {
    if (!this.#has(8)) return 0;
    this.#position += 8;
    return this.#buffer.readDoubleBE(this.#position - 8);
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value <= 0xffff_ffff ? value : this.#fail();
    }
    return this.#fail();
  }

  text(): string {
    const sizeBytes = this.varint();
    if (!this.#has(sizeBytes)) return "";
    this.#position += sizeBytes;
    return this.#buffer.toString("utf8", this.#position - sizeBytes, this.#position);
  }

  /** A view on the frame, not a copy. */
  bytes(sizeBytes: number): Uint8Array {
    if (!this.#has(sizeBytes)) return nothing;
    this.#position += sizeBytes;
    return this.#buffer.subarray(this.#position - sizeBytes, this.#position);
  }

  /** `ids` saves the conversion of one that it has seen before. */
  nodeId(ids?: NodeIds): NodeId {
    if (!this.#has(nodeIdSizeBytes)) return "";
    const start = this.#position;
    this.#position += nodeIdSizeBytes;
    return ids?.read(this.#buffer, start) ?? this.#buffer.toString("hex", start, this.#position);
  }

  #has(sizeBytes: number): boolean {
    if (this.#buffer.length - this.#position >= sizeBytes) return true;
    this.#isMalformed = true;
    this.#position = this.#buffer.length;
    return false;
  }

  #fail(): number {
    this.#isMalformed = true;
    return 0;
  }
}
