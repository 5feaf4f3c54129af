import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  encodeFrame,
  frameHeaderSizeBytes,
  isTorn,
  type Part,
  PartKind,
  readFrame,
} from "../../../../cluster/storage/log/frame.ts";

const anyPart = fc.record({
  kind: fc.constantFrom(...Object.values(PartKind)),
  content: fc.uint8Array({ maxLength: 700 }).map((bytes) => Buffer.from(bytes)),
});
const anyParts = fc.array(anyPart, { maxLength: 5 });
const anySalt = fc.nat(0xffff_ffff);
const anySequence = fc.nat(2 ** 47);

function plain(parts: readonly Part[]) {
  return parts.map(({ kind, content }) => [kind, content.toString("hex")]);
}

describe("a frame", () => {
  it("is read as it was written, wherever it stands", () => {
    fc.assert(
      fc.property(anyParts, anySequence, anySalt, fc.nat(50), (parts, sequence, salt, before) => {
        const frame = encodeFrame(parts, sequence, salt);
        const bytes = Buffer.concat([Buffer.alloc(before, 9), frame, Buffer.alloc(7, 9)]);
        const read = readFrame(bytes, before, salt);
        expect(read?.sequence).toBe(sequence);
        expect(read?.end).toBe(before + frame.length);
        expect(plain(read!.parts)).toEqual(plain(parts));
      }),
    );
  });

  it("with any bit flipped, or with another file's salt, is none", () => {
    fc.assert(
      fc.property(anyParts, anySequence, anySalt, fc.nat(), (parts, sequence, salt, place) => {
        const frame = encodeFrame(parts, sequence, salt);
        expect(readFrame(frame, 0, (salt + 1) % 2 ** 32)).toBeNull();
        const at = place % (frame.length * 8);
        frame[at >> 3]! ^= 1 << (at & 7);
        expect(readFrame(frame, 0, salt)).toBeNull();
        // All of it is there, but for a length that points beyond the file: its checksum does not fit.
        expect(isTorn(frame, 0, salt)).toBe(false);
      }),
    );
  });
});

/** Without a run of zeros that might pass for a sector that was never written. */
const content = Buffer.from(Array.from({ length: 2_000 }, (_, at) => (at % 255) + 1));
const salt = 77;
const first = encodeFrame([{ kind: PartKind.entry, content }], 4, salt);
const second = encodeFrame([{ kind: PartKind.entry, content }], 5, salt);

describe("what a crash left of the last write", () => {
  const log = Buffer.concat([first, second]);

  it("is torn when the file ends within it", () => {
    for (let end = first.length + 1; end < log.length; end++) {
      expect(isTorn(log.subarray(0, end), first.length, salt)).toBe(true);
    }
  });

  it("is torn when a sector of it reads as zeros", () => {
    for (let at = first.length - (first.length % 512) + 512; at + 512 <= log.length; at += 512) {
      const bytes = Buffer.from(log).fill(0, at, at + 512);
      expect(readFrame(bytes, first.length, salt)).toBeNull();
      expect(isTorn(bytes, first.length, salt)).toBe(true);
    }
  });

  it("is damage when another write began behind it", () => {
    for (const at of [0, frameHeaderSizeBytes, 600]) {
      const bytes = Buffer.from(log).fill(0, at, at + 600);
      expect(isTorn(bytes, 0, salt)).toBe(false);
    }
    const tail = log.subarray(0, first.length + frameHeaderSizeBytes);
    expect(isTorn(Buffer.from(tail).fill(0, 512, 1_024), 0, salt)).toBe(false);
  });

  it("is torn also when its content is a frame of another file", () => {
    const inner = encodeFrame([{ kind: PartKind.entry, content }], 9, salt + 1);
    const outer = encodeFrame([{ kind: PartKind.entry, content: inner }], 6, salt);
    expect(isTorn(outer.subarray(0, outer.length - 1), 0, salt)).toBe(true);
  });
});

it("parts that do not add up are no frame", () => {
  const frame = encodeFrame([{ kind: 9 as PartKind, content: Buffer.from("x") }], 1, salt);
  expect(readFrame(frame, 0, salt)).toBeNull();
});
