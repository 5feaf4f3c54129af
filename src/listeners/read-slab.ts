/** Pieces up to this size share memory. */
const sharingSizeBytesMax = 1024;
const slabSizeBytes = 8 * 1024;

let slab = Buffer.alloc(0);
let used = 0;

/**
 * A copy of what was read, for good. Small pieces are cut from one slab after the other, which is cheaper than memory of their own; but
 * a payload that waits for a slow client keeps the whole slab alive, so that slabs are short, and shorter than those that Node.js cuts
 * up by itself (64 KiB).
 */
export function copyOfRead(bytes: Uint8Array, sizeBytes: number): Buffer {
  const part = sizeBytes === bytes.length ? bytes : bytes.subarray(0, sizeBytes);
  if (sizeBytes > sharingSizeBytesMax) {
    const own = Buffer.allocUnsafeSlow(sizeBytes);
    own.set(part);
    return own;
  }
  if (used + sizeBytes > slab.length) {
    slab = Buffer.allocUnsafeSlow(slabSizeBytes);
    used = 0;
  }
  const copy = slab.subarray(used, used + sizeBytes);
  copy.set(part);
  used += sizeBytes;
  return copy;
}
