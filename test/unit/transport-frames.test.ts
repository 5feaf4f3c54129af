import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameReader } from "../../cluster/transport/frame-reader.ts";
import { FrameWriter } from "../../cluster/transport/frame-writer.ts";

/** Collects what is to run at the end of the turn. */
class Turn {
  #runs: (() => void)[] = [];
  readonly endOfTurn = (run: () => void): void => {
    this.#runs.push(run);
  };

  end(): void {
    for (const run of this.#runs.splice(0)) run();
  }
}

describe("frame writer", () => {
  test("coalesces the frames of a turn into one write", () => {
    const turn = new Turn();
    const writer = new FrameWriter({ queueSizeBytesMax: 1_000_000, endOfTurn: turn.endOfTurn });
    const writes: number[] = [];
    writer.attach((chunk) => writes.push(chunk.length) > 0);
    for (let index = 0; index < 100; index++) writer.push(Buffer.alloc(96));
    expect(writes).toEqual([]);
    turn.end();
    expect(writes).toEqual([10_000]);
    expect(writer.queuedSizeBytes).toBe(0);
  });

  test("writes chunks of at most 64 KiB, a larger frame alone", () => {
    const turn = new Turn();
    const writer = new FrameWriter({ queueSizeBytesMax: 10_000_000, endOfTurn: turn.endOfTurn });
    const writes: number[] = [];
    writer.attach((chunk) => writes.push(chunk.length) > 0);
    for (const size of [30_000, 30_000, 30_000, 100_000, 10]) writer.push(Buffer.alloc(size));
    turn.end();
    expect(writes).toEqual([60_008, 30_004, 100_004, 14]);
  });

  test("stops at a full sink and goes on when it drains", () => {
    const turn = new Turn();
    const writer = new FrameWriter({ queueSizeBytesMax: 10_000_000, endOfTurn: turn.endOfTurn });
    let writes = 0;
    writer.attach(() => {
      writes++;
      return false;
    });
    for (let index = 0; index < 3; index++) writer.push(Buffer.alloc(60_000));
    turn.end();
    expect([writes, writer.queuedSizeBytes]).toEqual([1, 120_008]);
    writer.drained();
    writer.drained();
    expect([writes, writer.queuedSizeBytes]).toEqual([3, 0]);
  });

  test("refuses what exceeds the bound, but takes one frame into an empty queue", () => {
    const turn = new Turn();
    const writer = new FrameWriter({ queueSizeBytesMax: 100, endOfTurn: turn.endOfTurn });
    expect(writer.push(Buffer.alloc(500))).toBe(true);
    expect(writer.push(Buffer.alloc(1))).toBe(false);
    writer.attach(() => true);
    expect(writer.push(Buffer.alloc(1))).toBe(true);
  });

  test("a closed writer refuses frames and forgets the queue", async () => {
    const writer = new FrameWriter({ queueSizeBytesMax: 100, endOfTurn: () => {} });
    writer.push(Buffer.alloc(10));
    const empty = writer.whenEmpty();
    writer.close();
    await empty;
    expect([writer.push(Buffer.alloc(1)), writer.queuedSizeBytes]).toEqual([false, 0]);
  });
});

describe("frame reader", () => {
  test("gives back what was written, however the bytes are cut", () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
    const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(frames, cuts, (sent, sizes) => {
        const bytes = encode(sent);
        const got: Uint8Array[] = [];
        const reader = new FrameReader(300, (frame) => got.push(Uint8Array.from(frame)));
        for (let offset = 0, cut = 0; offset < bytes.length; cut++) {
          const end = offset + (sizes[cut % sizes.length] as number);
          reader.push(bytes.subarray(offset, end));
          offset = end;
        }
        expect(got).toEqual(sent.map((frame) => Uint8Array.from(frame)));
        expect(reader.isBetweenFrames()).toBe(true);
      }),
    );
  });

  test("does not wait for a frame that is too large", () => {
    for (const prefix of [
      [0, 0, 1, 45],
      [255, 255, 255, 255],
      [128, 0, 0, 0],
    ]) {
      const whole = new FrameReader(300, () => {});
      expect(() => whole.push(Uint8Array.from(prefix))).toThrow(/announced a frame/);
      const cut = new FrameReader(300, () => {});
      cut.push(Uint8Array.from(prefix.slice(0, 2)));
      expect(() => cut.push(Uint8Array.from(prefix.slice(2)))).toThrow(/announced a frame/);
    }
  });

  test("a frame that lies whole in a piece is a view of it", () => {
    const bytes = encode([Buffer.from("abc")]);
    let view: Uint8Array | null = null;
    new FrameReader(300, (frame) => {
      view = frame;
    }).push(bytes);
    expect((view as Uint8Array | null)?.buffer).toBe(bytes.buffer);
  });
});

function encode(frames: readonly Uint8Array[]): Uint8Array {
  const parts: Buffer[] = [];
  const writer = new FrameWriter({ queueSizeBytesMax: 1_000_000, endOfTurn: () => {} });
  for (const frame of frames) writer.push(frame);
  writer.attach((chunk) => parts.push(Buffer.from(chunk)) > 0);
  return new Uint8Array(Buffer.concat(parts));
}
