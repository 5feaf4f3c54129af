import type { NodeId } from "../node-id.ts";
import { type NodeIds, nodeIdSizeBytes } from "./node-ids.ts";

const pooledSizeBytesMax = 1024;

/** Appends numbers (big-endian), text and bytes to a buffer that grows. One writer makes one frame. */
export class ByteWriter {
  #buffer: Buffer;
  #sizeBytes = 0;

  constructor(capacityBytes = 256) {
    this.#buffer = allocate(capacityBytes);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#sizeBytes] = value;
    this.#sizeBytes += 1;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#sizeBytes = this.#buffer.writeUInt32BE(value >>> 0, this.#sizeBytes);
    return this;
  }

  /** For indexes, sequence numbers and incarnations, which stay below 2^48. */
  u48(value: number): this {
    this.#reserve(6);
    this.#sizeBytes = this.#buffer.writeUIntBE(value, this.#sizeBytes, 6);
    return this;
  }

  f64(value: number): this {
    this.#reserve(8);
    this.#sizeBytes = this.#buffer.writeDoubleBE(value, this.#sizeBytes);
    return this;
  }

  /** Seven bits per byte, low bits first; `value` below 2^32. */
  varint(value: number): this {
    this.#reserve(5);
    while (value > 0x7f) {
      this.#buffer[this.#sizeBytes++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    this.#buffer[this.#sizeBytes++] = value;
    return this;
  }

  /** UTF-8 with its size as a varint before it. */
  text(value: string): this {
    const sizeBytes = Buffer.byteLength(value);
    this.varint(sizeBytes);
    this.#reserve(sizeBytes);
    this.#sizeBytes += this.#buffer.write(value, this.#sizeBytes, sizeBytes, "utf8");
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#sizeBytes);
    this.#sizeBytes += value.length;
    return this;
  }

  /** `ids` saves the conversion of one that it has seen before. */
  nodeId(value: NodeId, ids?: NodeIds): this {
    if (ids !== undefined) return this.bytes(ids.bytesOf(value));
    this.#reserve(nodeIdSizeBytes);
    this.#buffer.write(value, this.#sizeBytes, nodeIdSizeBytes, "hex");
    this.#sizeBytes += nodeIdSizeBytes;
    return this;
  }

  /** Overwrites four bytes written before, e.g. a count that was not known yet. */
  patchU32(position: number, value: number): void {
    this.#buffer.writeUInt32BE(value >>> 0, position);
  }

  /** The frame; the writer must not be used afterwards. */
  finish(): Uint8Array {
    if (this.#sizeBytes === this.#buffer.length) return this.#buffer;
    return this.#buffer.subarray(0, this.#sizeBytes);
  }

  #reserve(sizeBytes: number): void {
    const needed = this.#sizeBytes + sizeBytes;
    if (needed <= this.#buffer.length) return;
    const grown = allocate(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#sizeBytes);
    this.#buffer = grown;
  }
}

/** Small frames share a chunk of memory, for an ArrayBuffer of its own costs more than to fill it. */
function allocate(sizeBytes: number): Buffer {
  return sizeBytes <= pooledSizeBytesMax
    ? Buffer.allocUnsafe(sizeBytes)
    : Buffer.allocUnsafeSlow(sizeBytes);
}
