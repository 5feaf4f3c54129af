import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Entry } from "../../../../cluster/raft/types.ts";
import {
  chainInRecord,
  chainStart,
  decodeLogRecord,
  encodeLogRecord,
} from "../../../../cluster/storage/log/record.ts";
import { bytes } from "../../../support/storage-changes.ts";

const integer = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const anyEntry = fc.record({
  term: integer,
  index: integer,
  type: fc.constantFrom(0 as const, 1 as const, 2 as const),
  data: fc.uint8Array({ maxLength: 300 }),
});

const sample: Entry = { term: 7, index: 2 ** 52 + 3, type: 1, data: bytes("a payload") };

describe("a log record", () => {
  it("gives back every entry", () => {
    fc.assert(
      fc.property(anyEntry, fc.nat(), (entry, group) => {
        const decoded = decodeLogRecord(encodeLogRecord(group, entry, chainStart), chainStart);
        if ("reason" in decoded) throw new Error(decoded.reason);
        expect(decoded.group).toBe(group);
        expect({ ...decoded.entry, data: new Uint8Array(decoded.entry.data) }).toEqual(entry);
      }),
    );
  });

  it("survives no flipped bit and no cut", () => {
    const record = encodeLogRecord(0, sample, chainStart);
    for (let bit = 0; bit < record.length * 8; bit++) {
      const damaged = Buffer.from(record);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodeLogRecord(damaged, chainStart)).toHaveProperty("reason");
    }
    for (let length = 0; length < record.length; length++) {
      const cut = Buffer.from(record.subarray(0, length));
      expect(decodeLogRecord(cut, chainStart)).toHaveProperty("reason");
    }
  });

  it("fits only behind its predecessor", () => {
    const one = encodeLogRecord(0, sample, chainStart);
    const other = encodeLogRecord(0, { ...sample, term: 8 }, chainStart);
    const next = encodeLogRecord(0, { ...sample, index: sample.index + 1 }, chainInRecord(one));
    expect(decodeLogRecord(next, chainInRecord(one))).not.toHaveProperty("reason");
    expect(decodeLogRecord(next, chainInRecord(other))).toEqual({ reason: "chain mismatch" });
    expect(decodeLogRecord(next, chainInRecord(one))).not.toHaveProperty("reason");
  });
});
