import { expect, test } from "vitest";
import { OriginGate } from "../../../cluster/agreed/origin-gate.ts";
import type { BatchHeader } from "../../../cluster/wire/batch-codec.ts";

const origin = "1".repeat(32);
const header = (incarnation: number, seq: number): BatchHeader =>
  ({ origin, incarnation, seq }) as BatchHeader;
const nothing = { incarnation: 0, lastSeq: 0 };

test("within a term batches pass once and in order", () => {
  const gate = new OriginGate();
  expect(gate.admits(header(1, 4), nothing)).toBe("append");
  gate.appended(header(1, 4));
  expect(gate.admits(header(1, 4), nothing)).toBe("repetition");
  expect(gate.admits(header(1, 6), nothing)).toBe("gap");
  expect(gate.admits(header(1, 5), nothing)).toBe("append");
  expect(gate.admits(header(2, 1), nothing)).toBe("append");
  gate.appended(header(2, 1));
  expect(gate.admits(header(1, 5), nothing)).toBe("repetition");
});

test("what is applied already costs no entry", () => {
  const gate = new OriginGate();
  expect(gate.admits(header(2, 7), { incarnation: 2, lastSeq: 7 })).toBe("repetition");
  expect(gate.admits(header(1, 9), { incarnation: 2, lastSeq: 7 })).toBe("repetition");
  expect(gate.admits(header(2, 8), { incarnation: 2, lastSeq: 7 })).toBe("append");
});

test("a late batch of an earlier term does not shut its origin out (sim, seed 1100)", () => {
  const gate = new OriginGate();
  // The new leader has not applied batches 5 to 7 yet when the late copy of 5 arrives.
  gate.appended(header(1, 5));
  expect(gate.admits(header(1, 8), { incarnation: 1, lastSeq: 4 })).toBe("gap");
  expect(gate.admits(header(1, 8), { incarnation: 1, lastSeq: 7 })).toBe("append");
});

test("a new term remembers nothing of what older leaders appended and may have lost", () => {
  const gate = new OriginGate();
  gate.appended(header(1, 9));
  gate.reset();
  expect(gate.admits(header(1, 5), { incarnation: 1, lastSeq: 4 })).toBe("append");
});
