import { describe, expect, test } from "vitest";
import { ReadBarriers } from "../../../cluster/drivers/read-barriers.ts";
import { FakeClock } from "../../support/fake-clock.ts";

function barriers(): {
  clock: FakeClock;
  reads: ReadBarriers;
  asked: number[];
  apply(index: number): void;
  wait(timeoutMs: number): { outcome: string | null };
} {
  const clock = new FakeClock();
  const asked: number[] = [];
  let appliedIndex = 5;
  const reads = new ReadBarriers(clock, {
    readIndex: (requestId) => asked.push(requestId),
    appliedIndex: () => appliedIndex,
  });
  return {
    ...{ clock, reads, asked },
    apply: (index) => {
      appliedIndex = index;
      reads.applied();
    },
    wait: (timeoutMs) => {
      const waiter: { outcome: string | null } = { outcome: null };
      void reads.wait(timeoutMs).then((outcome) => {
        waiter.outcome = outcome;
      });
      return waiter;
    },
  };
}

/** Lets promises run. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe("a read barrier", () => {
  test("callers of one turn share a request and wait until its index is applied", async () => {
    const { clock, reads, asked, apply, wait } = barriers();
    const both = [wait(1000), wait(1000)];
    clock.endTurns();
    expect(asked).toEqual([1]);
    reads.confirmed(1, 7);
    apply(6);
    await turn();
    expect(both.map(({ outcome }) => outcome)).toEqual([null, null]);
    apply(7);
    await turn();
    expect(both.map(({ outcome }) => outcome)).toEqual(["ok", "ok"]);
  });

  test("asks again under a new number when it was dropped or not answered", async () => {
    const { clock, reads, asked, wait } = barriers();
    const waiter = wait(1000);
    clock.advance(1);
    reads.dropped(1);
    clock.advance(150);
    expect(asked).toEqual([1, 2]);
    reads.confirmed(1, 5);
    await turn();
    expect(waiter.outcome).toBeNull();
    clock.advance(150);
    expect(asked).toEqual([1, 2, 3]);
    reads.confirmed(2, 5);
    await turn();
    expect(waiter.outcome).toBe("ok");
  });

  test("ends at its time: not asked, not answered, or confirmed but never applied", async () => {
    const { clock, reads, wait } = barriers();
    const silent = wait(300);
    const behind = wait(10_000);
    clock.advance(1);
    reads.confirmed(1, 100);
    await turn();
    clock.advance(500);
    await turn();
    expect([silent.outcome, behind.outcome]).toEqual(["no-quorum", null]);
    clock.advance(10_000);
    await turn();
    expect(behind.outcome).toBe("no-quorum");
    expect(clock.pendingTimers()).toBe(0);
  });

  test("after close nobody waits, and nothing is asked any more", async () => {
    const { clock, reads, asked, wait } = barriers();
    const early = wait(1000);
    reads.close();
    const late = wait(1000);
    clock.advance(5000);
    await turn();
    expect([early.outcome, late.outcome, asked]).toEqual(["no-quorum", "no-quorum", []]);
  });
});
