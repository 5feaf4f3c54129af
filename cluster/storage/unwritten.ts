const sectorSizeBytes = 512;
/** A shorter run of zeros may well be content. */
const unwrittenSizeBytesMin = 16;

/**
 * Is there a sector in the file from `from` on that was never written, as a power loss leaves it? It reads as zeros. A payload of
 * as many zeros looks the same; then damage to it passes for a torn write.
 */
export function hasUnwrittenSector(bytes: Buffer, from: number): boolean {
  for (let start = from; start < bytes.length; ) {
    const end = Math.min(start - (start % sectorSizeBytes) + sectorSizeBytes, bytes.length);
    const isZero = bytes.subarray(start, end).every((byte) => byte === 0);
    if (isZero && end - start >= unwrittenSizeBytesMin) return true;
    start = end;
  }
  return false;
}
