import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BatchFlag,
  batchFlags,
  readBatchHeader,
  readRecords,
} from "../../../cluster/wire/forward-frames.ts";
import { InboundLane } from "../../../cluster/wire/inbound-lane.ts";
import { OutboundLane } from "../../../cluster/wire/outbound-lane.ts";

const limits = {
  batchSizeBytesMax: 64,
  slabSizeBytes: 100,
  frameSizeBytesMax: 200,
  keptSizeBytesMax: 100_000,
  keptFramesMax: 1000,
};

function frameOf(number: number): Uint8Array {
  return Buffer.from(String(number).padEnd((number % 7) * 9 + 4));
}

/** Two lanes and what is under way between them; what arrives is written down by delivery. */
class Pair {
  outbound = new OutboundLane(limits);
  inbound = new InboundLane();
  readonly incarnation = 1;
  underWay: Uint8Array[] = [];
  readonly guaranteed: number[] = [];
  readonly hopeful: number[] = [];

  link(): void {
    this.inbound.linked(this.incarnation);
    this.outbound.linkUp();
    this.outbound.resume(this.inbound.position.lastSeq);
  }

  unlink(): void {
    this.underWay = [];
    this.outbound.linkDown();
  }

  send(): void {
    this.outbound.seal();
    for (let batch = this.outbound.next(); batch !== null; batch = this.outbound.next()) {
      this.underWay.push(batch.bytes);
      this.outbound.taken();
    }
  }

  receiveOne(): void {
    const bytes = this.underWay.shift();
    const header = bytes === undefined ? null : readBatchHeader(bytes);
    if (bytes === undefined || header === null) return;
    const verdict = this.inbound.receive(header);
    if (verdict === "gap") this.outbound.resume(this.inbound.position.lastSeq);
    if (verdict !== "deliver") return;
    const isResent = (header.flags & BatchFlag.resent) !== 0;
    const isWhole = readRecords(bytes, (frame, isAtLeastOnce) => {
      const number = Number.parseInt(Buffer.from(frame).toString(), 10);
      if (isAtLeastOnce) this.guaranteed.push(number);
      else if (!isResent) this.hopeful.push(number);
    });
    expect(isWhole).toBe(true);
  }
}

const step = fc.oneof(
  { weight: 8, arbitrary: fc.constant("must" as const) },
  { weight: 4, arbitrary: fc.constant("may" as const) },
  { weight: 4, arbitrary: fc.constant("send" as const) },
  { weight: 6, arbitrary: fc.constant("receive" as const) },
  { weight: 2, arbitrary: fc.constant("confirm" as const) },
  { weight: 1, arbitrary: fc.constant("lose" as const) },
  { weight: 1, arbitrary: fc.constant("unlink" as const) },
  { weight: 2, arbitrary: fc.constant("link" as const) },
);

describe("a lane between two nodes", () => {
  it("delivers what must arrive exactly once and in order, and the rest at most once in order", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const pair = new Pair();
        const expected: number[] = [];
        let isLinked = false;
        let number = 0;
        for (const step of steps) {
          if (step === "must" || step === "may") {
            number += 1;
            const isAtLeastOnce = step === "must";
            const outcome = pair.outbound.offer(frameOf(number), isAtLeastOnce);
            if (isAtLeastOnce) expected.push(number);
            else if (!isLinked) expect(outcome).toBe("no-link");
          } else if (step === "send") pair.send();
          else if (step === "receive") pair.receiveOne();
          else if (step === "confirm") pair.outbound.confirm(pair.inbound.position.lastSeq);
          else if (step === "lose") pair.underWay.splice(0, 1);
          else if (step === "unlink") {
            pair.unlink();
            isLinked = false;
          } else if (!isLinked) {
            pair.link();
            isLinked = true;
          }
        }
        pair.unlink();
        pair.link();
        pair.send();
        while (pair.underWay.length > 0) pair.receiveOne();
        expect(pair.guaranteed).toEqual(expected);
        const ascending = [...new Set(pair.hopeful)].sort((a, b) => a - b);
        expect(pair.hopeful).toEqual(ascending);
        pair.outbound.confirm(pair.inbound.position.lastSeq);
        expect(pair.outbound.keptFrames).toBe(0);
        expect(pair.outbound.keptSizeBytes).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it("sends what a new process of the receiver may have missed once more, and it is taken in", () => {
    const pair = new Pair();
    pair.link();
    for (let number = 1; number <= 5; number += 1) {
      pair.outbound.offer(frameOf(number), true);
      pair.send();
    }
    for (let i = 0; i < 5; i += 1) pair.receiveOne();
    pair.outbound.confirm(3);
    pair.unlink();
    pair.inbound = new InboundLane();
    pair.link();
    pair.outbound.offer(frameOf(6), true);
    pair.send();
    while (pair.underWay.length > 0) pair.receiveOne();
    expect(pair.guaranteed).toEqual([1, 2, 3, 4, 5, 4, 5, 6]);
  });

  it("starts again when the sender is a new process", () => {
    const inbound = new InboundLane();
    inbound.linked(1);
    expect(inbound.receive({ seq: 1, flags: BatchFlag.resumed })).toBe("deliver");
    inbound.linked(2);
    expect(inbound.position).toEqual({ incarnation: 2, lastSeq: 0 });
    expect(inbound.receive({ seq: 1, flags: BatchFlag.resumed })).toBe("deliver");
    expect(inbound.receive({ seq: 1, flags: 0 })).toBe("duplicate");
  });

  it("tells of a gap once, until the sender resumes", () => {
    const inbound = new InboundLane();
    inbound.linked(1);
    expect(inbound.receive({ seq: 1, flags: BatchFlag.resumed })).toBe("deliver");
    expect(inbound.receive({ seq: 3, flags: 0 })).toBe("gap");
    expect(inbound.receive({ seq: 4, flags: 0 })).toBe("ignored");
    expect(inbound.receive({ seq: 2, flags: BatchFlag.resumed })).toBe("deliver");
    expect(inbound.receive({ seq: 3, flags: 0 })).toBe("deliver");
  });

  it("keeps to its bounds: frames, bytes, one frame, and at most once goes first", () => {
    const small = { ...limits, keptSizeBytesMax: 300, keptFramesMax: 3 };
    const lane = new OutboundLane(small);
    expect(lane.offer(new Uint8Array(201), true)).toBe("too-large");
    expect(lane.offer(new Uint8Array(10), false)).toBe("no-link");
    lane.linkUp();
    lane.resume(0);
    expect(lane.offer(new Uint8Array(150), true)).toBe("queued");
    expect(lane.offer(new Uint8Array(10), false)).toBe("slow");
    expect(lane.offer(new Uint8Array(150), true)).toBe("full");
    expect(lane.offer(new Uint8Array(1), true)).toBe("queued");
    expect(lane.offer(new Uint8Array(1), true)).toBe("queued");
    expect(lane.offer(new Uint8Array(1), true)).toBe("full");
  });

  it("never changes bytes that a transport may still hold", () => {
    const lane = new OutboundLane(limits);
    lane.linkUp();
    lane.resume(0);
    lane.offer(frameOf(1), true);
    lane.seal();
    const first = lane.next()?.bytes as Uint8Array;
    lane.taken();
    const before = Buffer.from(first);
    lane.linkDown();
    lane.linkUp();
    lane.resume(0);
    const second = lane.next()?.bytes as Uint8Array;
    expect(batchFlags(second)).toBe(BatchFlag.resent | BatchFlag.resumed);
    expect(Buffer.from(first).equals(before)).toBe(true);
  });

  it("reads any bytes without throwing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        readBatchHeader(bytes);
        readRecords(bytes, () => {});
      }),
    );
  });
});
