import { describe, expect, test, vi } from "vitest";
import { AgreedState } from "../../../cluster/agreed/agreed-state.ts";
import { RaftDriver } from "../../../cluster/drivers/raft-driver.ts";
import { logLimits } from "../../../cluster/log-limits.ts";
import { defaultTimings } from "../../../cluster/options.ts";
import { type Cancel, type Clock, Counters } from "../../../cluster/ports.ts";
import type { Message } from "../../../cluster/raft/messages.ts";
import { defaultGroup, EntryType } from "../../../cluster/raft/types.ts";
import { MemoryStorage } from "../../../cluster/storage/memory-storage.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { MapMachine } from "../../support/map-machine.ts";
import { idOf, PeerNetwork } from "../../support/peer-network.ts";
import { silentLog } from "../../support/silent-log.ts";

const [one, two, three] = [idOf(1), idOf(2), idOf(3)];
const { tickMs, electionTicks, heartbeatTicks } = defaultTimings;

/** A clock whose timers run as late as the event loop of a busy or stopped process lets them. */
class LateClock implements Clock {
  #nowMs = 0;
  #timers: { readonly dueMs: number; readonly run: () => void }[] = [];
  #turn: (() => void)[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  after(delayMs: number, run: () => void): Cancel {
    const timer = { dueMs: this.#nowMs + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  endOfTurn(run: () => void): void {
    this.#turn.push(run);
  }

  /** Nothing runs meanwhile. */
  stand(durationMs: number): void {
    this.#nowMs += durationMs;
  }

  /** The timers that are due, once; messages are read after them, and then the turn ends. */
  runTimers(): void {
    const due = this.#timers.filter((timer) => timer.dueMs <= this.#nowMs);
    this.#timers = this.#timers.filter((timer) => timer.dueMs > this.#nowMs);
    for (const { run } of due) run();
  }

  endTurn(): void {
    for (const run of this.#turn.splice(0)) run();
  }
}

/** A follower of node 2 in term 3, and what its core was told. */
async function follower(isDiskStuck = false): Promise<{
  clock: LateClock;
  driver: RaftDriver;
  told: string[];
  counters: Counters;
  storage: MemoryStorage;
}> {
  const clock = new LateClock();
  const network = new PeerNetwork(new FakeClock());
  const transport = network.add(one);
  const land = (run: () => void): void => {
    if (!isDiskStuck) run();
  };
  const storage = new MemoryStorage(land, { onFailure: () => undefined });
  const counters = new Counters();
  await storage.open();
  await storage.beginStaging();
  const configuration = {
    voters: [one, two, three],
    ...{ votersOutgoing: [], learners: [], learnersNext: [] },
  };
  const snapshot = { index: 1, term: 1, configuration };
  const hardState = { term: 3, vote: null, commit: 1 };
  storage.write({ groupId: defaultGroup, installSnapshot: snapshot, hardState }, () => {});
  const driver = new RaftDriver({
    nodeId: one,
    restore: {
      ...{ incarnation: 1, nodeRecord: null, entries: [], configuration, hardState, snapshot },
      ...{ appliedIndex: 1, appliedTerm: 1 },
    },
    ...{ storage, transport, clock, tickMs, heartbeatTicks, electionTicks },
    agreed: new AgreedState(new MapMachine()),
    random: () => 0,
    log: silentLog,
    counters,
    logWindow: logLimits.logWindow,
    handlers: {
      ...{ batchApplied: () => {}, batchIgnored: () => {}, advanced: () => {} },
      ...{ configured: () => {}, roleChanged: () => {}, readConfirmed: () => {} },
      ...{ readDropped: () => {}, snapshotWanted: () => {}, stateReplaced: () => {} },
      fatal: (error) => {
        throw error;
      },
    },
  });
  const told: string[] = [];
  const tick = driver.raft.tick.bind(driver.raft);
  const step = driver.raft.step.bind(driver.raft);
  vi.spyOn(driver.raft, "tick").mockImplementation(() => {
    told.push("tick");
    tick();
  });
  vi.spyOn(driver.raft, "step").mockImplementation((message: Message) => {
    told.push(message.type);
    step(message);
  });
  driver.start();
  return { clock, driver, told, counters, storage };
}

const heartbeat: Message = {
  ...{ from: two, to: one, term: 3, commit: 1, readContext: 0 },
  type: "heartbeat",
};

describe("ticks", () => {
  test("keep to their grid, however late each timer is", async () => {
    const { clock, told } = await follower();
    for (let round = 0; round < 400; round++) {
      clock.stand(37);
      clock.runTimers();
    }
    expect(told.length).toBe(Math.floor((400 * 37) / tickMs));
  });

  test("that a stall missed are not made up for, and the next comes after what waits to be read", async () => {
    const { clock, driver, told } = await follower();
    driver.step(heartbeat);
    for (let ticks = 0; ticks < 3; ticks++) {
      clock.stand(tickMs);
      clock.runTimers();
      clock.endTurn();
    }
    told.splice(0);
    clock.stand(30_000);
    clock.runTimers();
    driver.step(heartbeat);
    clock.endTurn();
    expect(told).toEqual(["heartbeat", "tick"]);
    expect(driver.raft.status()).toMatchObject({ role: "follower", term: 3, leader: two });
  });

  test("of a short delay are made up for, fewer than an election takes", async () => {
    const { clock, driver, told } = await follower();
    driver.step(heartbeat);
    told.splice(0);
    clock.stand((tickMs * electionTicks) / 2);
    clock.runTimers();
    expect(told.length).toBe(electionTicks / 2);
    expect(driver.raft.status().role).toBe("follower");
  });
});

test("a disk that does not keep up stops the core, so that what waits for it stays bounded", async () => {
  const { clock, driver, counters, storage } = await follower(true);
  const count = logLimits.storageBacklogMax + 200;
  for (let index = 2; index < 2 + count; index++) {
    const data = new Uint8Array(0);
    const entries = [{ index, term: 3, type: EntryType.noop, data }];
    const previousTerm = index === 2 ? 1 : 3;
    const head = { from: two, to: one, term: 3, commit: 1, previousIndex: index - 1, previousTerm };
    driver.step({ ...head, type: "append", entries });
    clock.endTurn();
  }
  expect(storage.stats().queuedChanges).toBeLessThanOrEqual(logLimits.storageBacklogMax + 1);
  expect(counters.get("raft_storage_backlog_pauses")).toBeGreaterThan(0);
});

test("what is applied first in a turn of the node is written in it", async () => {
  const { clock, driver, storage } = await follower();
  const write = vi.spyOn(storage, "write");
  const timeMs = vi.spyOn(AgreedState.prototype, "timeMs");
  const startMs = 1_700_000_000_000;
  [startMs, startMs + 1, startMs + logLimits.effectsRoundMs].forEach((nowMs, at) => {
    timeMs.mockReturnValue(nowMs);
    const index = 2 + at;
    const entries = [{ index, term: 3, type: EntryType.noop, data: new Uint8Array() }];
    const previous = { previousIndex: index - 1, previousTerm: at === 0 ? 1 : 3 };
    const head = { from: two, to: one, term: 3, commit: index, ...previous };
    driver.step({ ...head, type: "append", entries });
    clock.endTurn();
  });
  timeMs.mockRestore();
  const turns = write.mock.calls.flatMap(([{ applied }]) => (applied ? [applied.turn?.isNow] : []));
  expect(turns).toEqual([true, false, true]);
});
