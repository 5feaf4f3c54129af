/** Pieces up to this size share memory. */
const sharingSizeBytesMax = 1024;
const slabSizeBytes = 8 * 1024;

let slab = Buffer.alloc(0);
let used = 0;

const nothing = Buffer.alloc(0);

/**
 * A copy of `bytes[start, end)`, for good. Small pieces are cut from one slab after the other, which is cheaper than memory of their own;
 * but a payload that waits for a slow client keeps the whole slab alive, so that slabs are short, and shorter than those that Node.js cuts
 * up by itself (64 KiB).
 */
export function copyOfRead(bytes: Buffer, start: number, end: number): Buffer {
  const sizeBytes = end - start;
  if (sizeBytes === 0) return nothing;
  if (!isSmall(sizeBytes)) {
    const own = Buffer.allocUnsafeSlow(sizeBytes);
    bytes.copy(own, 0, start, end);
    return own;
  }
  if (used + sizeBytes > slab.length) {
    slab = Buffer.allocUnsafeSlow(slabSizeBytes);
    used = 0;
  }
  const at = used;
  used += sizeBytes;
  bytes.copy(slab, at, start, end);
  return slab.subarray(at, used);
}

/** Whether a piece of this size shares memory. */
export function isSmall(sizeBytes: number): boolean {
  return sizeBytes <= sharingSizeBytesMax;
}
