import { expect, test } from "vitest";
import { BulkSum, decodeBulkFrame, encodeBulkFrame } from "../../cluster/transport/bulk-frame.ts";

test("a flipped bit anywhere in a chunk is noticed", () => {
  const frame = encodeBulkFrame({ type: "chunk", bytes: Buffer.from("records of a snapshot") });
  for (let at = 1; at < frame.length; at++) {
    const damaged = Uint8Array.from(frame);
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    expect(() => decodeBulkFrame(damaged)).toThrow(
      expect.objectContaining({ code: "frame-malformed" }),
    );
  }
});

test("a chunk too few, too many, or in another place is noticed at the trailer", () => {
  const chunks = ["one", "two", "three"].map((text) => Buffer.from(text));
  const sumOf = (order: readonly number[]): BulkSum => {
    const sum = new BulkSum();
    for (const at of order) sum.add(chunks[at] ?? Buffer.alloc(0));
    return sum;
  };
  const trailer = sumOf([0, 1, 2]).trailer();
  sumOf([0, 1, 2]).check(trailer);
  for (const order of [
    [0, 1],
    [0, 1, 2, 2],
    [1, 0, 2],
  ]) {
    expect(() => sumOf(order).check(trailer)).toThrow("arrived as");
  }
});
