import { ClusterError } from "../errors.ts";
import type { NodeId } from "../node-id.ts";

const nodeIdBytes = 16;
const numberBytes = 6;

/** Writes the fields of a Raft message one after the other; big-endian, numbers as 48 bits. */
export class RaftWriter {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(sizeBytes: number) {
    this.#bytes = Buffer.allocUnsafe(sizeBytes);
  }

  byte(value: number): this {
    this.#offset = this.#bytes.writeUInt8(value, this.#offset);
    return this;
  }

  flag(value: boolean): this {
    return this.byte(value ? 1 : 0);
  }

  /** A term, index, request id or context. */
  number(value: number): this {
    this.#offset = this.#bytes.writeUIntBE(value, this.#offset, numberBytes);
    return this;
  }

  length(value: number): this {
    this.#offset = this.#bytes.writeUInt32BE(value, this.#offset);
    return this;
  }

  nodeId(nodeId: NodeId): this {
    this.#offset += this.#bytes.write(nodeId, this.#offset, nodeIdBytes, "hex");
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#bytes.set(bytes, this.#offset);
    this.#offset += bytes.length;
    return this;
  }

  finish(): Uint8Array {
    if (this.#offset !== this.#bytes.length) {
      throw new ClusterError("invariant-broken", "raft codec: the size was computed wrongly", {
        written: this.#offset,
        sizeBytes: this.#bytes.length,
      });
    }
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
  }
}

/** Reads what `RaftWriter` wrote; every read checks that the bytes are there. */
export class RaftReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  flag(): boolean {
    const value = this.byte();
    if (value > 1) {
      throw malformed("a flag is neither 0 nor 1");
    }
    return value === 1;
  }

  number(): number {
    return this.#bytes.readUIntBE(this.#take(numberBytes), numberBytes);
  }

  length(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  /** How many elements follow, each of at least `sizeBytesMin`: a lie must not make us reserve memory. */
  count(sizeBytesMin: number): number {
    const count = this.length();
    if (count * sizeBytesMin > this.remaining) {
      throw malformed("a count exceeds the frame");
    }
    return count;
  }

  nodeId(): NodeId {
    const start = this.#take(nodeIdBytes);
    return this.#bytes.toString("hex", start, start + nodeIdBytes);
  }

  /** A view, not a copy. */
  raw(sizeBytes: number): Uint8Array {
    const start = this.#take(sizeBytes);
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, sizeBytes);
  }

  #take(sizeBytes: number): number {
    const start = this.#offset;
    if (sizeBytes > this.remaining) {
      throw malformed("it ends too early");
    }
    this.#offset += sizeBytes;
    return start;
  }
}

export function malformed(problem: string): ClusterError {
  return new ClusterError("frame-malformed", `raft message: ${problem}`);
}

export const fieldBytes = { nodeId: nodeIdBytes, number: numberBytes, length: 4 } as const;
