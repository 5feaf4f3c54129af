/** Buffers of up to this size are copied together; larger ones go by reference. */
const smallSizeBytes = 2048;
const runSizeBytesMax = 64 * 1024;

/**
 * Joins neighbouring small buffers into runs, so that a burst of small packets costs one system call and one buffer
 * instead of one entry in a vector each. Order is kept.
 */
export function gather(chunks: readonly Buffer[]): readonly Buffer[] {
  if (chunks.length < 2) return chunks;
  const gathered: Buffer[] = [];
  let start = 0;
  while (start < chunks.length) {
    let end = start;
    let sizeBytes = 0;
    while (end < chunks.length) {
      const chunk = chunks[end]!;
      if (chunk.length > smallSizeBytes || sizeBytes + chunk.length > runSizeBytesMax) break;
      sizeBytes += chunk.length;
      end++;
    }
    if (end - start < 2) {
      gathered.push(chunks[start]!);
      start++;
      continue;
    }
    const run = Buffer.allocUnsafe(sizeBytes);
    let offset = 0;
    for (; start < end; start++) {
      const chunk = chunks[start]!;
      run.set(chunk, offset);
      offset += chunk.length;
    }
    gathered.push(run);
  }
  return gathered;
}
