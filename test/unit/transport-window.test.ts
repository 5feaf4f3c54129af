import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WindowCredit } from "../../cluster/transport/window-credit.ts";

const windowUpdate = 1;
const reset = 8;

function frame(type: number, flags: number, stream: number, length: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes[1] = type;
  bytes.writeUInt16BE(flags, 2);
  bytes.writeUInt32BE(stream, 4);
  bytes.writeUInt32BE(length, 8);
  return bytes;
}

const update = (stream: number, length: number): Buffer => frame(windowUpdate, 0, stream, length);

function read(frames: readonly Uint8Array[]): readonly (readonly [number, number])[] {
  return frames.map((bytes) => {
    const view = Buffer.from(bytes);
    return [view.readUInt32BE(4), view.readUInt32BE(8)];
  });
}

describe("window credit", () => {
  test("is held until a piece is together, for each stream by itself", () => {
    const credit = new WindowCredit(() => 1000, 8);
    expect(credit.replace(update(3, 600))).toEqual([]);
    expect(credit.replace(update(5, 600))).toEqual([]);
    expect(read(credit.replace(update(3, 500)))).toEqual([[3, 1100]]);
    expect(credit.replace(update(3, 999))).toEqual([]);
    expect(read(credit.replace(update(5, 400)))).toEqual([[5, 1000]]);
  });

  test("a large update leaves at once", () => {
    const credit = new WindowCredit(() => 1000, 8);
    expect(read(credit.replace(update(3, 262_144)))).toEqual([[3, 262_144]]);
  });

  test("pieces grow with the window of their stream", () => {
    let windowSizeBytes = 4000;
    const credit = new WindowCredit((stream) => (stream === 3 ? windowSizeBytes / 4 : 1000), 8);
    expect(read(credit.replace(update(3, 1000)))).toEqual([[3, 1000]]);
    windowSizeBytes = 8000;
    // Yamux grants what the window grew by at once.
    expect(read(credit.replace(update(3, 4500)))).toEqual([[3, 4500]]);
    expect(credit.replace(update(3, 1900))).toEqual([]);
    expect(read(credit.replace(update(5, 1900)))).toEqual([[5, 1900]]);
    expect(read(credit.replace(update(3, 100)))).toEqual([[3, 2000]]);
  });

  test("frames that begin, end or carry anything else pass as they are", () => {
    const credit = new WindowCredit(() => 1000, 8);
    for (const flags of [1, 2, 4, reset]) {
      const bytes = frame(windowUpdate, flags, 3, 10);
      expect(credit.replace(bytes)).toEqual([bytes]);
    }
    const ping = frame(2, 0, 0, 7);
    const goAway = frame(3, 0, 0, 0);
    const data = Buffer.concat([frame(0, 0, 3, 100), Buffer.alloc(100)]);
    for (const bytes of [ping, goAway, data]) expect(credit.replace(bytes)).toEqual([bytes]);
  });

  test("memory is bounded: streams that have ended leave when others need the room", () => {
    const credit = new WindowCredit(() => 1000, 2);
    credit.replace(update(1, 10));
    credit.replace(update(3, 20));
    expect(read(credit.replace(update(5, 30)))).toEqual([[1, 10]]);
    expect(read(credit.replace(update(7, 40)))).toEqual([[3, 20]]);
  });

  test("nothing is lost or invented, and a sender never lacks a whole piece", () => {
    const step = fc.record({ stream: fc.integer({ min: 1, max: 6 }), sizeBytes: fc.nat(400) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const credit = new WindowCredit(() => 1000, 4);
        const owed = new Map<number, number>();
        for (const { stream, sizeBytes } of steps) {
          owed.set(stream, (owed.get(stream) ?? 0) + sizeBytes);
          for (const [granted, grantedBytes] of read(credit.replace(update(stream, sizeBytes)))) {
            owed.set(granted, owed.get(granted)! - grantedBytes);
          }
          for (const bytes of owed.values()) {
            expect(bytes).toBeGreaterThanOrEqual(0);
            expect(bytes).toBeLessThan(1000);
          }
        }
      }),
    );
  });
});
