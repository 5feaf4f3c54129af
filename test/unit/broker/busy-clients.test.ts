import { expect, test } from "vitest";
import { BusyClient, BusyClients } from "../../../src/broker/busy-clients.ts";
import { ConnectionInput } from "../../../src/broker/connection-input.ts";
import type { ConnectionShared } from "../../../src/broker/connection-ports.ts";
import { BrokerCounters } from "../../../src/broker/counters.ts";
import { defaultBrokerLimits } from "../../../src/broker/limits.ts";
import { ReadingTurns } from "../../../src/broker/reading-turns.ts";
import { TurnSpacing } from "../../../src/broker/turn-spacing.ts";
import { ReadMemory } from "../../../src/listeners/read-memory.ts";
import { BrokerRig } from "../../support/broker-rig.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const fullSizeBytes = 32 * 1024;
const littleSizeBytes = 100;
/** What a full read of small messages takes. */
const fullReadMs = 0.08;

test("a client has its share of each millisecond, and a new one after its rest", () => {
  const { busy } = new Inputs();
  const [client, state] = [{}, new BusyClient()];
  busy.publishedLittle({}, null, 10);
  expect(busy.took(client, state, 10, 10.03)).toBe(false);
  expect(busy.took(client, state, 10.5, 10.53)).toBe(true);
  expect(busy.took(client, state, 10.6, 10.63)).toBe(false);
  expect(busy.took(client, state, 12, 12.03)).toBe(false);
  expect(busy.took(client, state, 13, 15)).toBe(true);
});

test("nobody rests for others who have not published for long, for themselves, or where it is turned off", () => {
  const { busy } = new Inputs();
  const [client, other, state] = [{}, {}, new BusyClient()];
  expect(busy.took(client, state, 0, 5)).toBe(false);
  busy.publishedLittle(other, null, 1000);
  expect(busy.took(client, state, 1099, 1099.5)).toBe(true);
  expect(busy.took(client, state, 1100, 1101)).toBe(false);
  busy.publishedLittle(client, null, 1500);
  expect(busy.took(client, state, 1501, 1502)).toBe(false);
  busy.publishedLittle(other, null, 2000);
  busy.publishedLittle(client, null, 2001);
  expect(busy.took(client, state, 2002, 2003)).toBe(true);
  const off = new Inputs({ busyClientRestMs: 0 }).busy;
  off.publishedLittle(other, null, 10);
  expect(off.took(client, state, 10, 15)).toBe(false);
});

test("all who rest are read on by one timer", () => {
  const { clock, busy, counters } = new Inputs();
  const read: string[] = [];
  for (const name of ["a", "b"]) busy.rest({ readOn: () => read.push(name) });
  expect(clock.pendingTimers()).toBe(1);
  clock.advance(0.9);
  expect(read).toEqual([]);
  clock.advance(0.1);
  expect(read).toEqual(["a", "b"]);
  expect(counters.busyClientsRested).toBe(2);
  busy.rest({ readOn: () => read.push("c") });
  clock.advance(1);
  expect(read).toEqual(["a", "b", "c"]);
});

test.each([fullSizeBytes, 16 * 1024, 4096, 1024, 128])(
  "what comes through TLS or a WebSocket in pieces of %i bytes counts like a long read",
  (pieceSizeBytes) => {
    const inputs = new Inputs();
    const [other, flood] = [inputs.add(), inputs.add()];
    for (let turn = 0; turn < 10; turn++) {
      other.read(littleSizeBytes);
      for (let read = 0; read < fullSizeBytes; read += pieceSizeBytes) flood.read(pieceSizeBytes);
      inputs.clock.endTurns();
      inputs.clock.advance(1);
    }
    // Before the first full turn only its last piece is known.
    expect(inputs.counters.busyClientsRested).toBeGreaterThanOrEqual(9);
  },
);

test("a publisher alone is never held back, whatever it sent before", () => {
  const inputs = new Inputs();
  const flood = inputs.add();
  for (let turn = 0; turn < 20; turn++) {
    flood.read(littleSizeBytes);
    inputs.clock.endTurns();
    flood.read(fullSizeBytes);
    inputs.clock.endTurns();
    inputs.clock.advance(turn * 20);
  }
  expect(inputs.counters.readsRested).toBe(20);
  expect(inputs.counters.busyClientsRested).toBe(0);
});

test("who has to wait for a turn with time counts among the others", () => {
  const inputs = new Inputs();
  const [slow, other, flood] = [inputs.add(), inputs.add(), inputs.add()];
  slow.read(littleSizeBytes);
  inputs.clock.spend(defaultBrokerLimits.readingTurnMs);
  other.read(littleSizeBytes);
  expect(inputs.counters.readsDeferred).toBe(1);
  inputs.clock.endTurns();
  inputs.clock.advance(90);
  flood.read(fullSizeBytes);
  expect(inputs.counters.busyClientsRested).toBe(1);
});

test("what had to wait for a turn with time and what comes later are not one turn", () => {
  const inputs = new Inputs();
  const [slow, client] = [inputs.add(), inputs.add()];
  slow.read(littleSizeBytes);
  inputs.clock.spend(defaultBrokerLimits.readingTurnMs);
  client.read(fullSizeBytes - 1);
  expect(inputs.counters.readsDeferred).toBe(1);
  inputs.clock.endTurns();
  client.read(littleSizeBytes);
  expect(inputs.counters.readsRested).toBe(0);
});

test("a client at full speed rests while others publish, and loses nothing by it", async () => {
  const { rig, node, writer, other } = await rigOfBusy();
  const reader = await rig.connect(node, "reader");
  reader.subscribe("#");
  await rig.settle();
  writer.publish("t", full);
  expect(writer.isReadingPaused).toBe(true);
  await rig.settle();
  expect(writer.isReadingPaused).toBe(false);
  other.publish("t", "little");
  writer.publish("t", full);
  await rig.settle();
  expect(writer.isReadingPaused).toBe(true);
  expect(node.broker.counters.busyClientsRested).toBe(1);
  await rig.pass(1);
  expect(writer.isReadingPaused).toBe(false);
  expect(reader.texts()).toEqual([`t=${full}`, "t=little", `t=${full}`]);
});

test("clients at full speed do not hold each other back", async () => {
  const { rig, node, writer, other } = await rigOfBusy();
  for (let round = 0; round < 3; round++) {
    for (const one of [writer, other]) {
      one.publish("t", full);
      await rig.settle();
      // The rest of what was under way, less than a full read.
      one.publish("t", "little");
    }
  }
  expect(node.broker.counters.readsRested).toBe(6);
  expect(node.broker.counters.busyClientsRested).toBe(0);
});

test("a client that was closed while it rested is done with", async () => {
  const { rig, node, writer, other } = await rigOfBusy();
  other.publish("t", "little");
  writer.publish("t", full);
  writer.drop();
  expect(node.broker.counters.busyClientsRested).toBe(1);
  await rig.pass(1);
  expect(node.broker.counters.internalErrors).toBe(0);
});

const full = "x".repeat(1024);

/** A node whose clients have had their share with the first full read, since no time passes in a test. */
async function rigOfBusy() {
  const rig = new BrokerRig();
  const node = rig.addNode({ readSizeBytes: 1024, busyClientShareMs: 0 });
  const writer = await rig.connect(node, "writer");
  const other = await rig.connect(node, "other");
  return { rig, node, writer, other };
}

/** Time passes while something is read, too. */
class SpentClock extends FakeClock {
  #spentMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.#spentMs;
  }

  spend(durationMs: number): void {
    this.#spentMs += durationMs;
  }
}

/** Inputs of one node, without connections: reading takes time in proportion, and is a message. */
class Inputs {
  readonly clock = new SpentClock();
  readonly counters = new BrokerCounters();
  readonly busy: BusyClients;
  readonly #shared: ConnectionShared;

  constructor(given: Partial<typeof defaultBrokerLimits> = {}) {
    const { clock, counters } = this;
    const limits = { ...defaultBrokerLimits, ...given };
    this.busy = new BusyClients(clock, limits, counters);
    const readingTurns = new ReadingTurns(clock, limits.readingTurnMs);
    const turnSpacing = new TurnSpacing(clock, 0, counters);
    const shared = { clock, counters, limits, readingTurns, turnSpacing, busyClients: this.busy };
    this.#shared = shared as Partial<ConnectionShared> as ConnectionShared;
  }

  add(): { read: (sizeBytes: number) => void } {
    const read = (sizeBytes: number): void => {
      this.counters.publishReceived++;
      this.clock.spend((sizeBytes / fullSizeBytes) * fullReadMs);
    };
    const channel = { pauseReading() {}, resumeReading() {} };
    const owner = { isOpen: true, read: ({ bytes }: { bytes: Buffer }) => read(bytes.length) };
    const input = new ConnectionInput(channel as never, owner, this.#shared);
    const memory = new ReadMemory();
    return { read: (sizeBytes) => memory.useGiven(Buffer.alloc(sizeBytes), input) };
  }
}
