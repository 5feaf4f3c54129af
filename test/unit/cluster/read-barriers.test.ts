import { describe, expect, test } from "vitest";
import { ReadBarriers } from "../../../cluster/drivers/read-barriers.ts";
import { logLimits } from "../../../cluster/log-limits.ts";
import { Counters } from "../../../cluster/ports.ts";
import { FakeClock } from "../../support/fake-clock.ts";

function barriers(): {
  clock: FakeClock;
  counters: Counters;
  reads: ReadBarriers;
  asked: number[];
  apply(index: number): void;
  wait(timeoutMs: number): { outcome: string | null };
} {
  const clock = new FakeClock();
  const asked: number[] = [];
  let appliedIndex = 5;
  const counters = new Counters();
  const reads = new ReadBarriers(clock, counters, {
    readIndex: (requestId) => asked.push(requestId),
    appliedIndex: () => appliedIndex,
  });
  return {
    ...{ clock, counters, reads, asked },
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

  test("has a bound: one more is refused at once and counted, and there is room when others are answered", async () => {
    const { clock, counters, reads, wait } = barriers();
    const waiters = Array.from({ length: logLimits.readBarriersMax }, () => wait(1000));
    const refused = wait(1000);
    await turn();
    expect([refused.outcome, counters.get("reads_refused")]).toEqual(["overloaded", 1]);
    clock.advance(1);
    reads.confirmed(1, 5);
    await turn();
    expect(waiters.every(({ outcome }) => outcome === "ok")).toBe(true);
    expect(reads.waiting).toBe(0);
    const next = wait(1000);
    clock.advance(1);
    reads.confirmed(2, 5);
    await turn();
    expect(next.outcome).toBe("ok");
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
