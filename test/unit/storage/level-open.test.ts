import { expect, test } from "vitest";
import { writeBufferSize } from "../../../cluster/storage/level-open.ts";

test("nodes that write the same fill buffers of different size, none larger than 32 MiB or smaller than half of it", () => {
  const sizes = [0, 0.25, 0.5, 0.999].map(writeBufferSize);
  expect(sizes[0]).toBe(32 * 1024 * 1024);
  expect(sizes.at(-1)).toBeGreaterThanOrEqual(16 * 1024 * 1024);
  expect(sizes).toEqual([...new Set(sizes)].toSorted((a, b) => b - a));
});
