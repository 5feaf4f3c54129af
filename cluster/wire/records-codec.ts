import { ClusterError } from "../errors.ts";
import type { StateWrite } from "../storage/storage.ts";

/** State records in a snapshot chunk: (key length u32 | key | value length u32 | value)*. */
export function encodeRecords(records: readonly StateWrite[]): Uint8Array {
  let sizeBytes = 0;
  for (const { key, value } of records) {
    sizeBytes += 8 + Buffer.byteLength(key) + (value?.byteLength ?? 0);
  }
  const bytes = Buffer.allocUnsafe(sizeBytes);
  let offset = 0;
  for (const { key, value } of records) {
    const keySizeBytes = bytes.write(key, offset + 4);
    bytes.writeUInt32BE(keySizeBytes, offset);
    offset += 4 + keySizeBytes;
    bytes.writeUInt32BE(value?.byteLength ?? 0, offset);
    if (value !== null) bytes.set(value, offset + 4);
    offset += 4 + (value?.byteLength ?? 0);
  }
  return bytes;
}

/** Throws ClusterError `frame-malformed`. */
export function decodeRecords(bytes: Uint8Array): StateWrite[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: StateWrite[] = [];
  let offset = 0;
  const readPart = (): Buffer => {
    if (offset + 4 > view.length) throw malformed();
    const length = view.readUInt32BE(offset);
    if (offset + 4 + length > view.length) throw malformed();
    const part = view.subarray(offset + 4, offset + 4 + length);
    offset += 4 + length;
    return part;
  };
  while (offset < view.length) {
    const key = readPart().toString("utf8");
    records.push({ key, value: readPart() });
  }
  return records;
}

function malformed(): ClusterError {
  return new ClusterError("frame-malformed", "snapshot chunk is malformed");
}
