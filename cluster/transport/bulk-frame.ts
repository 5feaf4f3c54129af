import { createHash, type Hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { ClusterError } from "../errors.ts";
import { failureMessageLengthMax } from "../limits.ts";

/** One transfer: header, chunks, trailer; then `done` or `failed` comes back. */
export type BulkFrame =
  | { readonly type: "header"; readonly kind: string; readonly header: Uint8Array }
  | { readonly type: "chunk"; readonly bytes: Uint8Array }
  | { readonly type: "trailer"; readonly sizeBytes: number; readonly sha256: Uint8Array }
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly message: string };

const tags = { header: 1, chunk: 2, trailer: 3, done: 4, failed: 5 } as const;
const kindLengthMax = 255;
const sha256SizeBytes = 32;

/** A chunk's own bytes, beside its data: tag and CRC-32. */
export const bulkChunkOverheadSizeBytes = 5;

export function encodeBulkFrame(frame: BulkFrame): Uint8Array {
  switch (frame.type) {
    case "header": {
      const kind = Buffer.from(frame.kind);
      if (kind.length > kindLengthMax) {
        throw new ClusterError("frame-too-large", `kind of ${kind.length} bytes`, {});
      }
      return Buffer.concat([Buffer.from([tags.header, kind.length]), kind, frame.header]);
    }
    case "chunk": {
      const bytes = Buffer.allocUnsafe(bulkChunkOverheadSizeBytes + frame.bytes.length);
      bytes[0] = tags.chunk;
      bytes.writeUInt32BE(crc32(frame.bytes), 1);
      bytes.set(frame.bytes, bulkChunkOverheadSizeBytes);
      return bytes;
    }
    case "trailer": {
      const bytes = Buffer.allocUnsafe(9 + sha256SizeBytes);
      bytes[0] = tags.trailer;
      bytes.writeBigUInt64BE(BigInt(frame.sizeBytes), 1);
      bytes.set(frame.sha256, 9);
      return bytes;
    }
    case "done":
      return Buffer.from([tags.done]);
    case "failed": {
      const message = Buffer.from(frame.message.slice(0, failureMessageLengthMax));
      return Buffer.concat([Buffer.from([tags.failed]), message]);
    }
  }
}

/** Throws `frame-malformed`, also for a chunk whose CRC-32 is wrong. The result is a copy. */
export function decodeBulkFrame(frame: Uint8Array): BulkFrame {
  const bytes = Buffer.from(frame);
  switch (bytes[0]) {
    case tags.header: {
      const kindLength = bytes[1];
      if (kindLength === undefined || bytes.length < 2 + kindLength) throw malformed("header");
      const kind = bytes.toString("utf8", 2, 2 + kindLength);
      return { type: "header", kind, header: bytes.subarray(2 + kindLength) };
    }
    case tags.chunk: {
      if (bytes.length < bulkChunkOverheadSizeBytes) throw malformed("chunk");
      const data = bytes.subarray(bulkChunkOverheadSizeBytes);
      if (crc32(data) !== bytes.readUInt32BE(1)) throw malformed("chunk: its CRC-32 is wrong");
      return { type: "chunk", bytes: data };
    }
    case tags.trailer: {
      if (bytes.length !== 9 + sha256SizeBytes) throw malformed("trailer");
      const sizeBytes = Number(bytes.readBigUInt64BE(1));
      return { type: "trailer", sizeBytes, sha256: bytes.subarray(9) };
    }
    case tags.done:
      return { type: "done" };
    case tags.failed:
      return { type: "failed", message: bytes.toString("utf8", 1, 1 + failureMessageLengthMax) };
    default:
      throw malformed(`type ${bytes[0]}`);
  }
}

/** Size and SHA-256 of everything that passed; both ends keep one and compare at the trailer. */
export class BulkSum {
  readonly #hash: Hash = createHash("sha256");
  #sizeBytes = 0;

  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#sizeBytes += bytes.length;
  }

  trailer(): Extract<BulkFrame, { type: "trailer" }> {
    return { type: "trailer", sizeBytes: this.#sizeBytes, sha256: this.#hash.digest() };
  }

  /** Throws `frame-malformed` when what arrived is not what was sent. */
  check(trailer: Extract<BulkFrame, { type: "trailer" }>): void {
    const ours = this.trailer();
    if (trailer.sizeBytes === ours.sizeBytes && Buffer.compare(trailer.sha256, ours.sha256) === 0) {
      return;
    }
    const message = `a bulk transfer of ${trailer.sizeBytes} bytes arrived as ${ours.sizeBytes} others`;
    throw new ClusterError("frame-malformed", message);
  }
}

function malformed(what: string): ClusterError {
  return new ClusterError("frame-malformed", `malformed bulk frame: ${what}`);
}
