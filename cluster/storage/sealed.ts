import { crc32 } from "node:zlib";
import { corrupt } from "./corrupt.ts";

const crcSizeBytes = 4;
const scratchSizeBytes = 16 * 1024;

/**
 * A value as it stands in the database: CRC-32 over key and value, then the value. The key is covered too,
 * since a flipped bit in a key would otherwise turn one record into another. Copies `value`.
 */
export function seal(key: string, value: Uint8Array): Buffer {
  return sealInto(Buffer.allocUnsafe(crcSizeBytes + value.byteLength), key, value);
}

/** Seals one value after the other where they are copied on at once: most of what sealing costs is the memory for it. */
export class Sealer {
  readonly #scratch = Buffer.allocUnsafeSlow(scratchSizeBytes);

  /** As `seal`; good until the next call. */
  seal(key: string, value: Uint8Array): Buffer {
    const sizeBytes = crcSizeBytes + value.byteLength;
    if (sizeBytes > scratchSizeBytes) return seal(key, value);
    return sealInto(this.#scratch.subarray(0, sizeBytes), key, value);
  }
}

function sealInto(sealed: Buffer, key: string, value: Uint8Array): Buffer {
  sealed.set(value, crcSizeBytes);
  sealed.writeUInt32BE(crc32(value, crc32(key)), 0);
  return sealed;
}

/** The value without its CRC, sharing memory with `sealed`. Throws ClusterError `storage-corrupt`. */
export function unseal(key: string, sealed: Buffer): Buffer {
  if (sealed.byteLength < crcSizeBytes) throw corrupt(key, null, "value too short");
  const value = sealed.subarray(crcSizeBytes);
  if (crc32(value, crc32(key)) !== sealed.readUInt32BE(0)) {
    throw corrupt(key, null, "CRC mismatch");
  }
  return value;
}

export function sealJson(key: string, record: unknown): Buffer {
  return seal(key, Buffer.from(JSON.stringify(record)));
}

/** The caller names the type; the CRC vouches that it is what we once wrote under this key. */
export function unsealJson<Stored>(key: string, sealed: Buffer): Stored {
  return JSON.parse(unseal(key, sealed).toString("utf8")) as Stored;
}
